"""A config as it was asked for, and what its options' checks must know of the data."""

from __future__ import annotations

from dataclasses import dataclass

from recipe.config import Config, Task
from recipe.config.policies import norm_stands_before

LISTED = "layers"
"""The family whose layers are listed in the config: the keys of a block say nothing of them."""


@dataclass(frozen=True)
class Asked:
    """What is known before a net is built."""

    config: Config
    task: Task
    examples: int
    """To train on."""

    classes: int = 0
    """0 for a regression."""

    features: int = 1
    """Numbers of an example."""

    @property
    def batch(self) -> int:
        """Examples per step, with `full` decided."""
        size = self.config.train.batch_size
        return self.examples if size == "full" else min(size, self.examples)

    @property
    def steps(self) -> int:
        """Of an epoch, its partial batch included."""
        return -(-self.examples // self.batch)

    @property
    def has_blocks(self) -> bool:
        """Whether the keys of a block make its layers; a family of one's own may use them."""
        return self.config.model.family != LISTED

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units and channels of each block, first to last; none for a list of layers."""
        model = self.config.model
        per_filter = {"cnn": 1, "resnet": 2}.get(model.family, 0)
        filters = tuple(size for size in model.filters for _ in range(per_filter))
        return (*filters, *model.widths) if self.has_blocks else ()

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the Keras layers that the config lists, first to last."""
        given = () if self.has_blocks else self.config.model.layers
        return tuple(layer if isinstance(layer, str) else layer.class_name for layer in given)

    @property
    def has_batch_norm(self) -> bool:
        """In a block, or in the list."""
        in_block = self.config.model.norm == "batch" and bool(self.sizes)
        return in_block or "BatchNormalization" in self.layers

    @property
    def is_normed_first(self) -> bool:
        """Whether every kernel is followed by a norm, which makes up for any scale."""
        model = self.config.model
        return model.norm != "none" and norm_stands_before(model)

    @property
    def optimizer(self) -> str:
        """Its name in Keras's short spelling, e.g. "sgd"."""
        given = self.config.train.optimizer
        return (given if isinstance(given, str) else given.class_name).lower()
