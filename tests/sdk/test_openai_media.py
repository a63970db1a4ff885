"""Moderation, images, speech and transcriptions with the official OpenAI SDK through the vault."""

import io
import wave
from decimal import Decimal

import openai
import pytest
from openai import OpenAI

from prices import cost_of
from simulator import Simulator
from vault import Organization, detail
from waiting import until

MODELS = ["omni-moderation-latest", "gpt-image-2", "tts-1", "gpt-4o-mini-tts", "whisper-1", "gpt-4o-transcribe"]


def recording() -> bytes:
    """Two and a half seconds of silence."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8_000)
        sound.writeframes(b"\0" * 40_000)
    return file.getvalue()


RECORDING = ("hello.wav", recording())


@pytest.fixture
def client(organization: Organization) -> OpenAI:
    grant = organization.grant(detail(models=MODELS, capabilities=["moderation", "images", "audio"]))
    return OpenAI(api_key=grant.token, base_url=grant.base_url("openai"), max_retries=0, timeout=20)


def charged_as_billed(organization: Organization, simulator: Simulator) -> None:
    """The one call was measured, and its record says what the provider's own log comes to."""
    (served,) = simulator.wait_for_calls(organization.secrets["openai"], 1)

    def recorded() -> dict | None:
        calls = organization.get("/usage/calls")["items"]
        return calls[0] if calls else None

    call = until("the call in the usage record", recorded)
    assert call["measurement"] == "measured"
    assert Decimal(call["cost"]) == cost_of(served)


def test_moderation_needs_no_model(client: OpenAI) -> None:
    answer = client.moderations.create(input="hello")
    assert answer.model == "omni-moderation-latest" and not answer.results[0].flagged


def test_images_come_in_one_piece(client: OpenAI, organization: Organization, simulator: Simulator) -> None:
    answer = client.images.generate(model="gpt-image-2", prompt="a cat", n=2, size="1024x1024", quality="low")
    assert len(answer.data) == 2 and answer.usage.output_tokens == 24
    charged_as_billed(organization, simulator)


def test_images_come_as_a_stream(client: OpenAI, organization: Organization, simulator: Simulator) -> None:
    events = list(client.images.generate(model="gpt-image-2", prompt="a cat", stream=True, partial_images=1))
    assert events[-1].type == "image_generation.completed" and events[-1].b64_json
    charged_as_billed(organization, simulator)


PICTURE = ("hat.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 2_000, "image/png")


@pytest.mark.parametrize("image", [PICTURE, [PICTURE, PICTURE]], ids=["one", "several"])
def test_images_are_edited(client: OpenAI, organization: Organization, simulator: Simulator, image: object) -> None:
    answer = client.images.edit(model="gpt-image-2", image=image, mask=PICTURE, prompt="a hat", n=2, quality="low")
    assert len(answer.data) == 2 and answer.usage.output_tokens == 24
    charged_as_billed(organization, simulator)


def test_an_edit_comes_as_a_stream(client: OpenAI, organization: Organization, simulator: Simulator) -> None:
    events = list(client.images.edit(model="gpt-image-2", image=PICTURE, prompt="a hat", stream=True, partial_images=1))
    assert events[-1].type == "image_edit.completed" and events[-1].b64_json
    charged_as_billed(organization, simulator)


def test_speech_comes_as_bytes(client: OpenAI, organization: Organization, simulator: Simulator) -> None:
    with client.audio.speech.with_streaming_response.create(model="tts-1", voice="alloy", input="Hello.") as answer:
        assert answer.headers["content-type"] == "audio/mpeg"
        assert b"".join(answer.iter_bytes()).startswith(b"ID3")
    charged_as_billed(organization, simulator)


def test_speech_may_be_read_whole(client: OpenAI) -> None:
    assert client.audio.speech.create(model="gpt-4o-mini-tts", voice="alloy", input="Hello.").content.startswith(b"ID3")


@pytest.mark.parametrize("model", ["whisper-1", "gpt-4o-transcribe"])
def test_recordings_are_transcribed(client: OpenAI, organization: Organization, simulator: Simulator, model: str) -> None:
    assert client.audio.transcriptions.create(model=model, file=RECORDING).text
    charged_as_billed(organization, simulator)


def test_a_transcription_comes_as_a_stream(client: OpenAI, organization: Organization, simulator: Simulator) -> None:
    events = list(client.audio.transcriptions.create(model="gpt-4o-transcribe", file=RECORDING, stream=True))
    assert events[-1].type == "transcript.text.done" and events[-1].text
    charged_as_billed(organization, simulator)


def test_recordings_are_translated(client: OpenAI) -> None:
    assert client.audio.translations.create(model="whisper-1", file=RECORDING).text


def test_each_kind_of_work_needs_its_capability(organization: Organization) -> None:
    grant = organization.grant(detail(models=MODELS))
    client = OpenAI(api_key=grant.token, base_url=grant.base_url("openai"), max_retries=0)
    with pytest.raises(openai.PermissionDeniedError) as refused:
        client.images.generate(model="gpt-image-2", prompt="a cat")
    assert refused.value.type == "capability_not_granted"
