"""Small encoders with random weights, one for each family, saved as a hub would have them."""

import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import (
    BertConfig,
    BertModel,
    BertTokenizerFast,
    ModernBertConfig,
    ModernBertModel,
    PreTrainedTokenizerFast,
    XLMRobertaConfig,
    XLMRobertaModel,
    XLMRobertaTokenizerFast,
)

TEXTS = [
    "The town library opens a new reading room on Monday. Many people came to see it.",
    "Die Bücherei der Stadt öffnet am Montag einen neuen Lesesaal. Viele Leute kamen.",
    "La bibliothèque ouvre une nouvelle salle lundi. Beaucoup de gens sont venus.",
    "Городская библиотека открывает новый зал в понедельник. Пришло много людей.",
    "城市图书馆星期一开放新的阅览室。很多人来参观。",
    "مكتبة المدينة تفتح قاعة جديدة يوم الاثنين. جاء كثير من الناس.",
]
FAMILIES = ("bert", "xlmr", "modernbert")
WEIGHTS = "model.safetensors"
WIDTH = 32
MAX_POSITIONS = 128


def make_checkpoint(family: str, folder: Path) -> Path:
    """Build the checkpoint of a family in a folder, always with the same weights."""
    torch.manual_seed(0)
    tokenizer, encoder = {"bert": _bert, "xlmr": _xlmr, "modernbert": _modernbert}[family]()
    encoder.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def enlarge(checkpoint: Path, folder: Path) -> Path:
    """Copy a checkpoint and make its weights as large, for their width, as those of trained
    encoders: what a layer adds counts then, and which pieces attend to which."""
    shutil.copytree(checkpoint, folder, dirs_exist_ok=True)
    generator = torch.Generator().manual_seed(0)
    state = {
        name: 10 * t if t.ndim > 1 else t + 0.1 * torch.randn(t.shape, generator=generator)
        for name, t in load_file(folder / WEIGHTS).items()
    }
    save_file(state, folder / WEIGHTS, {"format": "pt"})
    return folder


def _bert():
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=400, special_tokens=special)
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.decoder = decoders.WordPiece()
    fast = BertTokenizerFast(tokenizer_object=tokenizer, model_max_length=MAX_POSITIONS)
    config = BertConfig(
        vocab_size=len(fast),
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=MAX_POSITIONS,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    return fast, BertModel(config)


def _xlmr():
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=400, special_tokens=special, unk_token="<unk>")
    tokenizer.train_from_iterator(TEXTS, trainer)
    # As a checkpoint saved from a fast tokenizer: no sentencepiece model, no length in its config.
    fast = XLMRobertaTokenizerFast(tokenizer_object=tokenizer)
    config = XLMRobertaConfig(
        vocab_size=len(fast),
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=MAX_POSITIONS + 2,
        type_vocab_size=1,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
    )
    return fast, XLMRobertaModel(config)


def _modernbert():
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=MAX_POSITIONS,
        model_input_names=["input_ids", "attention_mask"],
    )
    config = ModernBertConfig(
        vocab_size=len(fast),
        hidden_size=WIDTH,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=2 * MAX_POSITIONS,
        local_attention=16,
        pad_token_id=0,
        cls_token_id=2,
        sep_token_id=3,
        bos_token_id=2,
        eos_token_id=3,
        reference_compile=False,
    )
    return fast, ModernBertModel(config)
