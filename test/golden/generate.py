"""Golden vectors of the encoders, their activations and both tokenizers, from Hugging Face Transformers and PyTorch.

    pip install torch transformers safetensors
    python test/golden/generate.py --vocab <BERT uncased vocab.txt> --bpe <folder with RoBERTa's vocab.json and merges.txt>

writes activations.json, wordpiece.json, bpe.json, {encoder,roberta,mobilebert}.json with their *.safetensors, and the checkpoints that
are imported, beside this file, with the libraries' versions in each.
The same versions give the same files, but for pytorch_model-legacy.bin, in which PyTorch writes memory addresses. Only tests read them.
"""

import argparse
import json
import math
import os
import shutil
import tempfile
import unicodedata
from pathlib import Path

import safetensors
import safetensors.torch
import tokenizers
import torch
import transformers
from transformers import (
    AddedToken,
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    BertTokenizerFast,
    MobileBertConfig,
    MobileBertForSequenceClassification,
    MobileBertModel,
    RobertaConfig,
    RobertaForSequenceClassification,
    RobertaModel,
    RobertaTokenizerFast,
)

HERE = Path(__file__).parent
VERSIONS = {
    "torch": torch.__version__,
    "transformers": transformers.__version__,
    "tokenizers": tokenizers.__version__,
    "safetensors": safetensors.__version__,
    "unicodedata": unicodedata.unidata_version,
}


def write_json(name, content):
    """One top-level key a line, so that a change shows where it is."""
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in {"versions": VERSIONS, **content}.items()]
    (HERE / name).write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


# --- activations -----------------------------------------------------------------------------------------------------


def activations():
    xs = [i / 16 for i in range(-112, 113)] + [0.84375, 1.25, 1 / 0.35, 6.0, 1e-300, -1e-9, 30.0, -30.0]
    x = torch.tensor(xs, dtype=torch.float64)
    gelu = torch.nn.functional.gelu
    write_json(
        "activations.json",
        {
            "x": xs,
            "erf": [math.erf(value) for value in xs],
            "gelu": gelu(x).tolist(),
            "gelu_new": gelu(x, approximate="tanh").tolist(),
            "relu": torch.relu(x).tolist(),
        },
    )


# --- encoders --------------------------------------------------------------------------------------------------------

# Small, and each odd in another way: head size 7 in 3 heads; one head and one layer; four layers of head size 1, behind the prefix "bert.".
BERT = {
    "odd": dict(hidden_size=21, num_attention_heads=3, num_hidden_layers=2, intermediate_size=37, vocab_size=53,
                max_position_embeddings=19, hidden_act="gelu"),
    "single": dict(hidden_size=8, num_attention_heads=1, num_hidden_layers=1, intermediate_size=3, vocab_size=11,
                   max_position_embeddings=7, hidden_act="gelu_new", layer_norm_eps=1e-5, type_vocab_size=1),
    "deep": dict(hidden_size=6, num_attention_heads=6, num_hidden_layers=4, intermediate_size=24, vocab_size=30,
                 max_position_embeddings=12, hidden_act="relu"),
}

# As published (padding 1, one type); positions from 4 on, behind the prefix "roberta."; padding 0, so that positions begin at 1.
ROBERTA = {
    "odd": dict(hidden_size=15, num_attention_heads=3, num_hidden_layers=2, intermediate_size=31, vocab_size=47,
                max_position_embeddings=19, hidden_act="gelu", layer_norm_eps=1e-5, type_vocab_size=1, pad_token_id=1),
    "offset": dict(hidden_size=12, num_attention_heads=2, num_hidden_layers=3, intermediate_size=20, vocab_size=23,
                   max_position_embeddings=14, hidden_act="gelu_new", pad_token_id=3),
    "first": dict(hidden_size=8, num_attention_heads=1, num_hidden_layers=1, intermediate_size=5, vocab_size=13,
                  max_position_embeddings=9, hidden_act="relu", pad_token_id=0),
}

# As published in the small; every switch the other way; no bottleneck and nothing to transform, behind the prefix "mobilebert."; layer
# normalisation with an epsilon that shows where it is used and where PyTorch's own is; no bottleneck for attention, at equal widths.
MOBILEBERT = {
    "published": dict(hidden_size=24, num_attention_heads=4, num_hidden_layers=2, intermediate_size=24, vocab_size=41,
                      embedding_size=8, intra_bottleneck_size=8, max_position_embeddings=17),
    "switched": dict(hidden_size=15, num_attention_heads=3, num_hidden_layers=2, intermediate_size=11, vocab_size=29,
                     embedding_size=7, intra_bottleneck_size=9, max_position_embeddings=11, hidden_act="gelu",
                     trigram_input=False, use_bottleneck_attention=True, num_feedforward_networks=1,
                     normalization_type="layer_norm"),
    "wide": dict(hidden_size=10, num_attention_heads=5, num_hidden_layers=3, intermediate_size=13, vocab_size=19,
                 embedding_size=10, max_position_embeddings=9, trigram_input=False, use_bottleneck=False,
                 num_feedforward_networks=3),
    "normed": dict(hidden_size=14, num_attention_heads=2, num_hidden_layers=2, intermediate_size=18, vocab_size=23,
                   embedding_size=14, intra_bottleneck_size=6, max_position_embeddings=13, layer_norm_eps=0.05,
                   num_feedforward_networks=2, normalization_type="layer_norm"),
    "unshared": dict(hidden_size=8, num_attention_heads=2, num_hidden_layers=1, intermediate_size=12, vocab_size=17,
                     embedding_size=4, intra_bottleneck_size=8, max_position_embeddings=9,
                     key_query_shared_bottleneck=False, num_feedforward_networks=2),
}

FAMILIES = {
    "bert": dict(config=BertConfig, model=BertModel, head=BertForSequenceClassification, shapes=BERT, behind={"deep"},
                 file="encoder"),
    "roberta": dict(config=RobertaConfig, model=RobertaModel, head=RobertaForSequenceClassification, shapes=ROBERTA,
                    behind={"offset"}, file="roberta"),
    # NoNorm does not hold values back: weights of half the size keep them where the others' are.
    "mobilebert": dict(config=MobileBertConfig, model=MobileBertModel, head=MobileBertForSequenceClassification,
                       shapes=MOBILEBERT, behind={"wide"}, file="mobilebert", deviation=0.25),
}


def lengths(positions):
    """(tokens, of which padding): one token, every position, and padded forms of a few."""
    return [(1, 0), (2, 0), (positions, 0), (5, 0), (5, 2), (positions, positions - 1), (positions, 3)]


def randomise(model, deviation):
    """Far from the usual initialisation: biases, norms and saturated activations must count."""
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            around = 1.0 if "LayerNorm.weight" in key else 0.0
            parameter.copy_(around + deviation * torch.randn_like(parameter))


def gradients(model, tokens):
    """
    Of the squared length of the mean last hidden state, summed over texts of these lengths: for each weight its gradient's sum, its inner
    product with the weight itself and the sum of its absolute values, which no wrong gradient has all three of.
    """
    pad = model.config.pad_token_id
    texts = [torch.randint(pad + 1, model.config.vocab_size, (1, count)) for count in tokens]
    model.zero_grad()
    features = [model(input_ids=ids).last_hidden_state[0].mean(dim=0) for ids in texts]
    sum((feature ** 2).sum() for feature in features).backward()
    sums = {
        key: [gradient.sum().item(), (gradient * weight.double()).sum().item(), gradient.abs().sum().item()]
        for key, weight in model.named_parameters()
        if weight.grad is not None
        for gradient in [weight.grad.double()]
    }
    return {"ids": [ids[0].tolist() for ids in texts], "sums": sums}


def encoders(name):
    family = FAMILIES[name]
    shapes = []
    for seed, (shape, sizes) in enumerate(family["shapes"].items()):
        torch.manual_seed(seed)
        config = family["config"](**sizes, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
        behind = shape in family["behind"]
        model = family["head" if behind else "model"](config)
        model.config._attn_implementation = "eager"
        model.eval()
        randomise(model, family.get("deviation", 0.5))
        tensors = {key: value.contiguous() for key, value in model.state_dict().items()}
        encoder_model = model.base_model if behind else model
        # RoBERTa tells padding by its id, and counts its positions from the one after it.
        pad = config.pad_token_id if name == "roberta" else None
        positions = config.max_position_embeddings - (0 if pad is None else pad + 1)
        cases = []
        for index, (tokens, padding) in enumerate(lengths(positions)):
            ids = torch.randint(0, config.vocab_size, (1, tokens))
            mask = torch.ones_like(ids)
            if padding:
                mask[0, -padding:] = 0
                if pad is not None:
                    ids[0, -padding:] = pad
            with torch.no_grad():
                output = encoder_model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
            for layer, hidden in enumerate(output.hidden_states):
                tensors[f"case.{index}.hidden.{layer}"] = hidden[0].contiguous()
            cases.append({"ids": ids[0].tolist(), "mask": mask[0].tolist()})
        file = f"{family['file']}-{shape}.safetensors"
        safetensors.torch.save_file(tensors, HERE / file, metadata={"versions": json.dumps(VERSIONS)})
        keys = ["model_type", *sizes, "layer_norm_eps", "type_vocab_size", "pad_token_id"]
        settings = {key: config.to_dict()[key] for key in keys}
        learning = gradients(encoder_model, [positions, 3, 1])
        shapes.append({"name": shape, "file": file, "config": settings, "cases": cases, "gradients": learning})
    write_json(f"{family['file']}.json", {"shapes": shapes})


# --- checkpoints to import -------------------------------------------------------------------------------------------


def checkpoints():
    """One RoBERTa with a task head, saved in every way that checkpoints are published in, and its hidden states."""
    folder = HERE / "checkpoint"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    vocab = json.loads((HERE / "bpe.json").read_text(encoding="utf-8"))["vocab"]
    torch.manual_seed(7)
    config = RobertaConfig(hidden_size=4, num_attention_heads=2, num_hidden_layers=2, intermediate_size=6,
                           vocab_size=len(vocab), max_position_embeddings=40, type_vocab_size=1, layer_norm_eps=1e-5)
    model = RobertaForSequenceClassification(config)
    model.config._attn_implementation = "eager"
    model.eval()
    randomise(model, 0.5)
    model.save_pretrained(folder)
    model.save_pretrained(folder / "sharded", max_shard_size="8KB")
    (folder / "sharded" / "config.json").unlink()
    state = model.state_dict()
    torch.save(state, folder / "pytorch_model.bin")
    torch.save(state, folder / "pytorch_model-legacy.bin", _use_new_zipfile_serialization=False)
    torch.save({key: value.bfloat16() for key, value in state.items()}, folder / "pytorch_model-bfloat16.bin")
    half = {key: value.half() for key, value in state.items()}
    safetensors.torch.save_file(half, folder / "model-half.safetensors", metadata={"format": "pt"})
    # As parameters, and a transposed view: neither lies in memory as it is indexed.
    key = "roberta.encoder.layer.0.attention.self.query.weight"
    views = {name: torch.nn.Parameter(value) for name, value in state.items()} | {key: state[key].t().contiguous().t()}
    torch.save(views, folder / "pytorch_model-views.bin")
    names = list(state)
    files = {"pytorch_model-00001-of-00002.bin": names[:9], "pytorch_model-00002-of-00002.bin": names[9:]}
    for file, kept in files.items():
        torch.save({name: state[name].clone() for name in kept}, folder / "sharded" / file)
    index = {"metadata": {"total_size": 0}, "weight_map": {name: file for file, kept in files.items() for name in kept}}
    (folder / "sharded" / "pytorch_model.bin.index.json").write_text(json.dumps(index, indent=2), encoding="utf-8")
    # What code in a pickle looks like: opening this file with an unrestricted reader would run a shell command.
    torch.save({"weight": HostileValue()}, folder / "pytorch_model-hostile.bin")
    ids = torch.tensor([[0, 31, 77, 5, 190, 2]])
    with torch.no_grad():
        states = model.roberta(input_ids=ids, output_hidden_states=True).hidden_states
    hidden = [state[0].flatten().tolist() for state in states]
    write_json("checkpoint/hidden-states.json", {"ids": ids[0].tolist(), "hidden": hidden})


class HostileValue:
    def __reduce__(self):
        return os.system, ("echo executed",)


# --- tokenizer -------------------------------------------------------------------------------------------------------

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
TEXTS = [
    "",
    " ",
    "Oh my God, he's lost it. He's totally lost it.",
    "What?",
    "Or! Or, we could go to the bank, close our accounts and cut them off at the source.",
    "No-no-no-no! 50% off... $3.99, e-mail me@x.org #yes",
    "Caf\u00e9 na\u00efve \u00c5ngstr\u00f6m \u00dcBER stra\u00dfe \u0130stanbul I\u0307 d\u0131\u015far\u0131",
    "e\u0301 decomposed, \u1e69 and \u0073\u0323\u0307",
    "\u039f\u0394\u039f\u03a3 \u03a3\u03a3 \u03c3\u03c2",
    "\u4f60\u597d world \u6771\u4eac",
    "beyond the plane \U00020000\U0002a6df\U0002f800 end",
    "x\U0001f600y \U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea \u2764\ufe0f",
    "\ud55c\uad6d\uc5b4 \u3072\u3089\u304c\u306a \u30ab\u30bf\u30ab\u30ca \u0e44\u0e17\u0e22 \u0939\u093f\u0928\u094d\u0926\u0940",
    "\u0627\u0644\u0633\u0644\u0627\u0645 \u05e9\u05dc\u05d5\u05dd",
    "tabs\tand\nnewlines\r\nand\u00a0no-break\u2003em\u3000ideographic\u2028line\u2029paragraph",
    "zero\u200bwidth\u200djoin\u00adsoft\ufefffeff\u0000nul\ufffdreplacement\u0007bell\u0085nel\u009fapc",
    "\u201cquotes\u201d \u2018single\u2019 \u2014dash\u2013 ellipsis\u2026 \u00bfqu\u00e9? \u00a1s\u00ed! \u300c\u304b\u304e\u300d",
    "`backtick` ^caret~ |pipe| <tag> a+b=c \u20ac5 \u00a3 \u00a9 \u00b0 \u2192",
    "[CLS] [SEP] [MASK] [PAD] [UNK] [cls] [ SEP ] x[SEP]y",
    "##ing un##able ##",
    "unbelievable antidisestablishmentarianism supercalifragilistic",
    "a" * 100,
    "a" * 101,
    "\U0001f600" * 60,
    "word " * 600,
    "!" * 40,
    "\ufb01ne \u2460 \u00bd \u01c4 \uff21\uff22\uff23 \U0001d400",
    "__proto__ constructor toString",
]


def wordpiece(vocab_path):
    full = BertTokenizerFast(vocab=str(vocab_path))
    # Every piece the texts come to under the whole vocabulary, and no other: longest-match gives the same pieces under both.
    used = {token for text in TEXTS for token in full.convert_ids_to_tokens(full(text)["input_ids"])}
    entries = vocab_path.read_text(encoding="utf-8").split("\n")
    small_vocab = SPECIAL + [token for token in entries if token in used and token not in SPECIAL]
    small = tokenizer_of(small_vocab)
    cases = []
    for text in TEXTS:
        ids = small(text)["input_ids"]
        assert small.convert_ids_to_tokens(ids) == full.convert_ids_to_tokens(full(text)["input_ids"]), repr(text)
        cut = small(text, truncation=True, padding="max_length", max_length=8)
        cases.append({"text": text, "ids": ids, "cutTo8": {"ids": cut["input_ids"], "mask": cut["attention_mask"]}})
    write_json("wordpiece.json", {"vocab": small_vocab, "cases": cases, "codePoints": code_points()})


def tokenizer_of(vocab):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vocab.txt"
        path.write_text("\n".join(vocab) + "\n", encoding="utf-8")
        return BertTokenizerFast(vocab=str(path))


BPE_SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
BPE_TEXTS = [
    *TEXTS,
    "<s> </s> <pad> <unk>  <mask> a<mask>b",
    "  leading and  double   spaces  ",
    "\n\n\nnew\n lines \t\ttabs \r\n",
    "I'm you're he'LL it'S 'tis ''d 's't're've'm'll'd",
    "100,000.50 \u00bd \u00b2\u00b3 \u2177 \u0cec",
    "\u1680x\u2028y\u2029z\u3000w \u180e",
    "\u0120 \u010a \u0100 letters that stand for bytes",
    "\u0301\u0301combining e\u0301",
]


def byte_level_bpe(folder):
    vocab = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    lines = (folder / "merges.txt").read_text(encoding="utf-8").split("\n")[1:]
    merges = [tuple(line.split(" ")) for line in lines if line]
    full = bpe_of(vocab, merges)
    used = used_merges(full, {pair: rank for rank, pair in enumerate(merges)})
    # Every byte's letter, and what the texts' merges go through: the same merges are the first possible ones under both.
    letters = {token for token in vocab if len(token) == 1} & set(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    kept = letters | {token for pair in used for token in (*pair, "".join(pair))}
    small_vocab = {token: index for index, token in enumerate(
        BPE_SPECIAL[:4] + [token for token in vocab if token in kept] + BPE_SPECIAL[4:])}
    small_merges = [pair for pair in merges if pair in used]
    small = bpe_of(small_vocab, small_merges)
    cases = []
    for text in BPE_TEXTS:
        ids = small(text)["input_ids"]
        assert small.convert_ids_to_tokens(ids) == full.convert_ids_to_tokens(full(text)["input_ids"]), repr(text)
        cut = small(text, truncation=True, padding="max_length", max_length=8)
        cases.append({"text": text, "ids": ids, "cutTo8": {"ids": cut["input_ids"], "mask": cut["attention_mask"]}})
    write_json("bpe.json", {"vocab": small_vocab, "merges": [" ".join(pair) for pair in small_merges], "cases": cases})


def bpe_of(vocab, merges):
    # As the published tokenizer.json has it: the mask takes the space before it.
    mask = AddedToken("<mask>", lstrip=True, special=True)
    return RobertaTokenizerFast(vocab=vocab, merges=merges, mask_token=mask)


def used_merges(full, ranks):
    """The merges that the texts come to, by the definition: again and again the first in rank, everywhere it stands."""
    used = set()
    backend = full.backend_tokenizer
    for text in BPE_TEXTS:
        for word, _ in backend.pre_tokenizer.pre_tokenize_str(text):
            symbols = list(word)
            while True:
                pairs = set(zip(symbols, symbols[1:])) & ranks.keys()
                if not pairs:
                    break
                best = min(pairs, key=ranks.get)
                used.add(best)
                joined = []
                for symbol in symbols:
                    if joined and (joined[-1], symbol) == best:
                        joined[-1] += symbol
                    else:
                        joined.append(symbol)
                symbols = joined
    return used


def code_points():
    """
    What each code point, put between an a and a b, does to them: runs of [first code point, what].
    "skipped" are surrogates, private use beyond the basic plane, and every character added or put in another category since
    Unicode 3.2: there the reference and a JavaScript engine each follow the tables of their own age.
    """
    tokenizer = tokenizer_of([*SPECIAL, "a", "b", "##b"])
    meanings = {("a", "##b"): "removed", ("a", "b"): "space", ("a", "[UNK]", "b"): "alone", ("[UNK]",): "letter"}
    runs = []
    for code in range(0x110000):
        character = chr(code)
        category = unicodedata.category(character)
        if category in ("Cn", "Cs") or code >= 0xF0000 or unicodedata.ucd_3_2_0.category(character) != category:
            what = "skipped"
        else:
            tokens = tuple(tokenizer.tokenize(f"a{character}b"))
            what = meanings.get(tokens) or " ".join(tokens)
        if not runs or runs[-1][1] != what:
            runs.append([code, what])
    return runs


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vocab", type=Path, required=True, help="BERT uncased vocab.txt")
    parser.add_argument("--bpe", type=Path, required=True, help="folder with RoBERTa's vocab.json and merges.txt")
    arguments = parser.parse_args()
    activations()
    for family in FAMILIES:
        encoders(family)
    wordpiece(arguments.vocab)
    byte_level_bpe(arguments.bpe)
    checkpoints()
