"""Small encoder-decoders with random weights, one for each family, saved as on a hub."""

import io
import json
import tempfile
from pathlib import Path

import sentencepiece
import torch
from checkpoints import TEXTS
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
)
from transformers import (
    BertConfig,
    EncoderDecoderConfig,
    EncoderDecoderModel,
    M2M100Config,
    M2M100ForConditionalGeneration,
    M2M100Tokenizer,
    MarianConfig,
    MarianMTModel,
    MarianTokenizer,
    MBart50TokenizerFast,
    MBartConfig,
    MBartForConditionalGeneration,
    MT5Config,
    MT5ForConditionalGeneration,
    NllbTokenizerFast,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
    T5TokenizerFast,
)

WIDTH = 32
MAX_POSITIONS = 64
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
LANGS = {
    "m2m_fast": ["__de__", "__en__", "__fr__", "__zh__"],
    "nllb": ["deu_Latn", "eng_Latn", "fra_Latn", "arb_Arab", "zho_Hans", "zho_Hant"],
    "mbart50": ["de_DE", "en_XX", "fr_XX", "zh_CN"],
    "encoder_decoder": ["<2de>", "<2en>", "<2fr>"],
    "marian_multi_fast": [">>deu<<", ">>fra<<"],
}
SEQ2SEQ_FAMILIES = (
    "m2m",
    "m2m_fast",
    "nllb",
    "mbart50",
    "t5",
    "mt5",
    "mt5_crosslingual",
    "marian",
    "marian_multi",
    "marian_multi_fast",
    "encoder_decoder",
)


def make_seq2seq(family: str, folder: Path, seed: int = 0) -> Path:
    """Build the checkpoint of a family in a folder, always with the same weights for a seed."""
    torch.manual_seed(seed)
    tokenizer = _tokenizer(family)
    # M2M100 counts its languages after the vocabulary.
    langs = getattr(tokenizer, "lang_token_to_id", {})
    model = _model(family, len(tokenizer) + len(langs), tokenizer)
    # Weights that are far from equal, so that what is written depends on what is read.
    for parameter in model.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.3)
    # Tokens that are no text are not likely to be written.
    rows = [*tokenizer.all_special_ids, *langs.values()]
    with torch.no_grad():
        model.get_output_embeddings().weight[rows] *= 0.1
    model.generation_config.max_length = 24
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _tokenizer(family: str) -> PreTrainedTokenizerBase:
    if family in ("m2m", "marian", "marian_multi"):
        return _sentencepiece_tokenizer(family)
    langs = LANGS.get(family, [])
    special = [*SPECIAL, "<extra_id_0>", *langs]
    # Trained by sentencepiece: tokenizers' own trainer comes to another vocabulary every time.
    processor = sentencepiece.SentencePieceProcessor(model_proto=_train_sentencepiece())
    vocab = {
        processor.id_to_piece(i): processor.get_score(i)
        for i in range(processor.get_piece_size())
        if not processor.is_control(i) and not processor.is_unknown(i)
    }
    tokenizer = Tokenizer(
        models.Unigram([*((t, 0.0) for t in special), *vocab.items()], special.index("<unk>"))
    )
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens(special)
    eos = ("</s>", SPECIAL.index("</s>"))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A $B </s>", special_tokens=[eos]
    )
    settings = {"tokenizer_object": tokenizer, "model_max_length": MAX_POSITIONS}
    settings["additional_special_tokens"] = langs
    if family == "nllb":
        return NllbTokenizerFast(**settings)
    if family == "mbart50":
        return MBart50TokenizerFast(**settings)
    if family in ("t5", "mt5", "mt5_crosslingual"):
        settings["additional_special_tokens"] = ["<extra_id_0>"]
        return T5TokenizerFast(**settings, extra_ids=0)
    names = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>", "bos_token": "<s>"}
    return PreTrainedTokenizerFast(**settings, **names)


def _train_sentencepiece() -> bytes:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS),
        model_writer=model,
        vocab_size=300,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    return model.getvalue()


def _sentencepiece_tokenizer(family: str) -> M2M100Tokenizer | MarianTokenizer:
    """The classes that have no fast tokenizer."""
    model = _train_sentencepiece()
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    pieces = [processor.id_to_piece(i) for i in range(processor.get_piece_size())]
    langs = [">>deu<<", ">>fra<<"] if family == "marian_multi" else []
    tokens = dict.fromkeys(["<s>", "<pad>", "</s>", "<unk>", *langs, *pieces])
    with tempfile.TemporaryDirectory() as name:
        vocab, spm = Path(name) / "vocab.json", Path(name) / "pieces.model"
        vocab.write_text(json.dumps({t: i for i, t in enumerate(tokens)}))
        spm.write_bytes(model)
        if family == "m2m":
            return M2M100Tokenizer(str(vocab), str(spm), model_max_length=MAX_POSITIONS)
        return MarianTokenizer(
            vocab=str(vocab),
            source_spm=str(spm),
            target_spm=str(spm),
            source_lang="en",
            target_lang="de",
            model_max_length=MAX_POSITIONS,
        )


def _model(family: str, n_vocab: int, tokenizer: PreTrainedTokenizerBase):
    ids = {"vocab_size": n_vocab, "pad_token_id": 1, "eos_token_id": 2, "bos_token_id": 0}
    bart = {
        **ids,
        "d_model": WIDTH,
        "encoder_layers": 1,
        "decoder_layers": 1,
        "encoder_attention_heads": 2,
        "decoder_attention_heads": 2,
        "encoder_ffn_dim": 64,
        "decoder_ffn_dim": 64,
        "max_position_embeddings": MAX_POSITIONS,
        "decoder_start_token_id": 2,
    }
    t5 = {
        "vocab_size": n_vocab,
        "d_model": WIDTH,
        "d_kv": 16,
        "d_ff": 64,
        "num_layers": 1,
        "num_heads": 2,
        "dropout_rate": 0.0,
        "pad_token_id": 1,
        "eos_token_id": 2,
        "decoder_start_token_id": 1,
    }
    if family in ("m2m", "m2m_fast", "nllb"):
        return M2M100ForConditionalGeneration(M2M100Config(**bart))
    if family == "mbart50":
        return MBartForConditionalGeneration(MBartConfig(**bart))
    if family.startswith("marian"):
        config = MarianConfig(**{**bart, "decoder_start_token_id": 1}, forced_eos_token_id=2)
        return MarianMTModel(config)
    if family == "t5":
        params = {
            "summarization": {"prefix": "summarize: "},
            "translation_en_to_de": {"prefix": "translate English to German: "},
            "translation_en_to_fr": {"prefix": "translate English to French: "},
        }
        return T5ForConditionalGeneration(T5Config(**t5, task_specific_params=params))
    if family == "mt5":
        return MT5ForConditionalGeneration(MT5Config(**t5))
    if family == "mt5_crosslingual":
        names = ("english", "german", "chinese_simplified", "scottish_gaelic")
        table = {name: [20 + i, f"piece {i}"] for i, name in enumerate(names)}
        config = MT5Config(**t5, task_specific_params={"langid_map": table})
        return MT5ForConditionalGeneration(config)
    bert = BertConfig(
        vocab_size=n_vocab,
        hidden_size=WIDTH,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=MAX_POSITIONS,
    )
    config = EncoderDecoderConfig.from_encoder_decoder_configs(bert, bert)
    config.decoder_start_token_id = tokenizer.convert_tokens_to_ids("<2en>")
    config.pad_token_id, config.eos_token_id = 1, 2
    config.vocab_size = n_vocab
    model = EncoderDecoderModel(config)
    model.generation_config.decoder_start_token_id = config.decoder_start_token_id
    model.generation_config.pad_token_id, model.generation_config.eos_token_id = 1, 2
    return model
