"""SGD that ends with the mean of its weights."""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor


class AveragedSGD(torch.optim.SGD):
    """SGD that, from `begin` on, keeps the mean of the weights after each update; the updates go on as before.

    Polyak and Juditsky (1992), begun when validation no longer improves: NT-ASGD of Merity, Keskar and Socher (2018).
    The state of a parameter then holds `shadow`, the mean, of the parameter's shape, and `step`, the number of
    weights it is the mean of, a scalar of float32, which torch restores as it stands.
    """

    @property
    def averaging(self) -> bool:
        """Whether there is a mean."""
        return any("shadow" in state for state in self.state.values())

    @torch.no_grad()
    def begin(self) -> None:
        """Average from here on; the weights of this moment are the first."""
        for parameter in self._parameters():
            self.state[parameter]["shadow"] = parameter.detach().clone()
            self.state[parameter]["step"] = torch.ones(())

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """One update of SGD, and of the mean where there is one."""
        loss = super().step(closure)
        if self.averaging:
            states = [self.state[parameter] for parameter in self._parameters()]
            for state in states:
                state["step"] += 1
            share = 1 / float(states[0]["step"])
            torch._foreach_lerp_([state["shadow"] for state in states], self._parameters(), share)
        return loss

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """Within, the network has the mean for its weights, where there is one, and `shadow` holds its own."""
        self.exchange()
        try:
            yield
        finally:
            self.exchange()

    @torch.no_grad()
    def exchange(self) -> None:
        """Let weights and `shadow` change places, bit by bit."""
        for parameter in self._parameters():
            if "shadow" in self.state[parameter]:
                shadow = self.state[parameter]["shadow"]
                kept = shadow.clone()
                shadow.copy_(parameter)
                parameter.copy_(kept)

    def _parameters(self) -> list[Tensor]:
        return [parameter for group in self.param_groups for parameter in group["params"]]
