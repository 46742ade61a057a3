"""What the study of features starts from: a model that has yet to learn to read any, and a small image encoder."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTokenizer, CLIPVisionConfig

from dreaminpainter.checkpoints import load_pipeline
from dreaminpainter.data.sources.critters import CrittersSource
from dreaminpainter.features import CLIPFeatures

FRESH, ENCODER = "fresh", "encoder"


def starting_points(output: str = "runs/paper", steps: int = 400, batch_size: int = 64) -> None:
    """Writes what `configs/ablations/paper/features.yaml` starts from: `fresh` and `encoder`.

    `fresh` is the model in the box with a new projector, so that no kind of features is known to it beforehand.
    `encoder` is a small CLIP trained on cut-outs of the same drawings and their captions, 8 x 8 pixels a patch, as many
    patches as the UNet has tokens there, of the same width.

    Args:
        output: folder for both.
        steps: of the encoder's training.
        batch_size: pairs of a cut-out and its caption a step.
    """
    torch.manual_seed(0)
    pipeline = load_pipeline("critters")
    for layer in pipeline.adapter.projector:
        layer.reset_parameters()
    pipeline.save_pretrained(Path(output) / FRESH)
    model = small_clip(pipeline.tokenizer, pipeline.adapter.config.token_width)
    train_clip(model, pipeline.tokenizer, steps, batch_size)
    model.save_pretrained(Path(output) / ENCODER)


def small_clip(tokenizer: CLIPTokenizer, width: int) -> CLIPModel:
    """An untrained CLIP for cut-outs of 128 px, whose tokens are so wide."""
    shape = {"hidden_size": width, "intermediate_size": 4 * width, "num_hidden_layers": 3, "num_attention_heads": 4}
    text = CLIPTextConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=tokenizer.model_max_length,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **shape,
    )
    vision = CLIPVisionConfig(image_size=128, patch_size=8, **shape)
    return CLIPModel(CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=width))


def train_clip(model: CLIPModel, tokenizer: CLIPTokenizer, steps: int, batch_size: int) -> Tensor:
    """Trains it to tell captions of cut-outs apart; returns (steps,) losses."""
    source = CrittersSource(64, 128, steps * batch_size, "train", "same", 0, 1, reference_supersample=1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=steps)
    mean, std = (torch.tensor(values)[:, None, None] for values in (CLIPFeatures.mean, CLIPFeatures.std))
    losses = torch.zeros(steps)
    for step in tqdm(range(steps), "encoder"):
        drawing = source.draw(torch.arange(step * batch_size, (step + 1) * batch_size))
        words = tokenizer([texts[0] for texts in drawing.captions], padding="max_length", truncation=True)
        pixels = (drawing.reference_image / 2 + 0.5 - mean) / std
        output = model(input_ids=torch.tensor(words.input_ids), pixel_values=pixels)
        right = torch.arange(batch_size)
        loss = (F.cross_entropy(output.logits_per_image, right) + F.cross_entropy(output.logits_per_text, right)) / 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses[step] = loss.detach()
    return losses
