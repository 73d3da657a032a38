"""Which back end and which device a task gets."""

import pytest

from peanut_daemon.deliverable import ChosenModel
from peanut_daemon.worker.backends import Backends
from peanut_daemon.worker.devices import device_for
from peanut_models.errors import ModelNotFoundError, UnsupportedDeviceError, WeightsMissingError
from peanut_models.zoo import CARDS, Stage

CPU = ("cpu", "a processor", 1)


def test_the_device_is_the_best_there_is_or_the_one_asked_for():
    found = (("cuda:0", "a", 1), ("cuda:1", "b", 1), CPU)
    assert device_for("auto", found) == "cuda:0"
    assert device_for("cuda:1", found) == "cuda:1"
    assert device_for("cuda", found) == "cuda:0"
    assert device_for("cpu", found) == "cpu"
    with pytest.raises(UnsupportedDeviceError, match="mps"):
        device_for("mps", found)


def test_every_card_can_be_loaded_once_its_weights_are_there(tmp_path):
    backends = Backends(tmp_path, "auto", (CPU,))
    lanczos = ChosenModel("embedded/lanczos")
    make = {
        Stage.NOF_ERASER: lambda model: backends.eraser(model, 1, lanczos),
        Stage.UR_NET: backends.upscaler,
        Stage.P_MASK: backends.tracker,
    }
    for card in CARDS:
        if card.auxiliary or card.stage is Stage.P_MASK:
            continue
        model = ChosenModel(card.name)
        if card.weights is None:
            assert make[card.stage](model) is make[card.stage](model)
        else:
            with pytest.raises(WeightsMissingError, match=card.name):
                make[card.stage](model)


def test_an_unknown_model_is_refused(tmp_path):
    with pytest.raises(ModelNotFoundError, match="nothing"):
        Backends(tmp_path, "auto", (CPU,)).upscaler(ChosenModel("nothing"))
