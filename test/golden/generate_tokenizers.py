"""Golden ids of checkpoints' tokenizers, in every form that they are published in, from Hugging Face Transformers.

    pip install transformers
    python test/golden/generate_tokenizers.py

writes imported-tokenizers.json beside this file, with the libraries' versions: folders of tokenizer files, and for texts the ids that
AutoTokenizer gives there. The same versions give the same file. Only tests read it.
"""

import json
import random
import tempfile
from pathlib import Path

import tokenizers
import transformers
from transformers import AutoTokenizer

HERE = Path(__file__).parent
VERSIONS = {"transformers": transformers.__version__, "tokenizers": tokenizers.__version__}
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = ["one", "One", "a", "ab", "##b", "new", "##tok", "tok", "h", "##a", "e", "é", "E", "É", "x", "i", ".", "中",
         "中one", "##one", "\ufeff", "ss", "ß", "n", "##n", "t", "##t", "##o", "##k", "q"]
VOCAB = SPECIAL + WORDS
TEXTS = [
    "one One É é ab 中one x.", "newtok NewTok NEWTOK a newtokx xnewtok", "  new tok, NEW\u00a0TOK new\ttok ",
    "a [MASK]  one [PAD] x [SEP]", "one\u0085one \u0085 a\ufeffa \ufeff one\u00a0one\u3000x", "<e> é <E>\u0301 İx ßone ab.",
    "a [E1] [e1]\u0085[E1] x[E1]x",
]
# Byte-level BPE: the same, and what GPT-2's pattern does at white space that Unicode and JavaScript tell apart.
BPE_TEXTS = TEXTS[3:5] + [
    "so \u0085\u0085 yes", "what?\u0085 \u0085no", "a  \u0085's", "a\ufeff\ufeff b", "\ufeffHello there", "end \ufeff.",
    "the  <mask>\u0085the<mask>\ufeff <mask>", "NewTok newtok", "a <s> b</s>",
]


def added(content, id, **flags):
    defaults = dict(single_word=False, lstrip=False, rstrip=False, normalized=False, special=False)
    return {"id": id, "content": content, **defaults, **flags}


def word_piece(tokens=(), normalizer=(), vocab=VOCAB, **parts):
    special = [added(token, id, special=True) for id, token in enumerate(vocab) if token in SPECIAL]
    ids = {token: id for id, token in enumerate(vocab)}
    piece = lambda token: {"SpecialToken": {"id": token, "type_id": 0}}
    settings = dict(clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=True)
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [*special, *tokens],
        "normalizer": None if normalizer is None else {"type": "BertNormalizer", **settings, **dict(normalizer)},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [piece("[CLS]"), {"Sequence": {"id": "A", "type_id": 0}}, piece("[SEP]")],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {t: {"id": t, "ids": [ids[t]], "tokens": [t]} for t in ("[CLS]", "[SEP]")},
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": ids},
        **parts,
    }


PLAIN = {"tokenizer_class": "PreTrainedTokenizerFast"}
NEXT = len(VOCAB)


def folders():
    """(name, files, model type)"""
    lines = "\n".join(VOCAB)
    without = lambda *tokens: "\n".join(token for token in VOCAB if token not in tokens)
    yield "vocab.txt", {"vocab.txt": lines + "\n"}, "bert"
    yield "a blank last line", {"vocab.txt": lines + "\n\n"}, "bert"
    yield "blank lines between", {"vocab.txt": lines.replace("one\n", "one\n\n\u3000\n", 1) + "\n\n"}, "mobilebert"
    yield "an entry twice", {"vocab.txt": lines + "\none\n"}, "bert"
    yield "white space after entries", {"vocab.txt": lines.replace("ab\n", "ab \u3000\t\n")}, "bert"
    yield "Windows line ends", {"vocab.txt": lines.replace("\n", "\r\n") + "\r\n"}, "bert"
    yield "a byte order mark", {"vocab.txt": "\ufeff" + lines}, "bert"
    yield "no [MASK]", {"vocab.txt": without("[MASK]")}, "bert"
    yield "no [PAD] and no [MASK]", {"vocab.txt": without("[MASK]", "[PAD]") + "\nab\n"}, "bert"
    yield "added_tokens.json", {"vocab.txt": lines, "added_tokens.json": {"newtok": NEXT, "İx": NEXT + 1, "One": 6}}, "bert"
    yield "an added_tokens_decoder", {"vocab.txt": lines, "tokenizer_config.json": {
        "added_tokens_decoder": {"6": {"content": "One"}, str(NEXT): {"content": "[E1]", "special": True, "rstrip": True}}}}, "bert"
    yield "tokens of further roles", {"vocab.txt": lines, "tokenizer_config.json": {
        "bos_token": "[E1]", "image_token": "<e>", "additional_special_tokens": ["newtok", "x"]}}, "bert"
    yield "special_tokens_map.json", {"vocab.txt": lines, "special_tokens_map.json": {
        "mask_token": added("[MASK]", 4, lstrip=True), "additional_special_tokens": ["<e>"]}}, "bert"
    for settings in [{"do_lower_case": False}, {"strip_accents": False}, {"tokenize_chinese_chars": False}, {},
                     {"do_lower_case": False, "strip_accents": True}, {"never_split": ["One"], "do_basic_tokenize": False}]:
        yield f"tokenizer_config.json {json.dumps(settings)}", {"vocab.txt": lines, "tokenizer_config.json": settings}, "bert"
        yield f"the same beside tokenizer.json {json.dumps(settings)}", {
            "tokenizer.json": word_piece(normalizer={"lowercase": False}), "tokenizer_config.json": settings}, "bert"
    yield "a cased tokenizer.json alone", {"tokenizer.json": word_piece(normalizer={"lowercase": False})}, "bert"
    yield "the same without a model_type", {"tokenizer.json": word_piece(normalizer={"lowercase": False})}, None
    yield "the same of a general class", {
        "tokenizer.json": word_piece(normalizer={"lowercase": False}), "tokenizer_config.json": PLAIN}, "bert"
    yield "an uncleaned text", {
        "tokenizer.json": word_piece(normalizer={"clean_text": False}), "tokenizer_config.json": PLAIN}, "bert"
    yield "no normalizer", {"tokenizer.json": word_piece(normalizer=None), "tokenizer_config.json": PLAIN}, "bert"
    yield "no [MASK] in added_tokens", {
        "tokenizer.json": {**word_piece(), "added_tokens": [added(t, i, special=True) for i, t in enumerate(SPECIAL[:4])]}}, "bert"
    flags = random.Random(5)
    for n in range(16):
        contents = flags.sample(["newtok", "NewTok", "new tok", "One", "[E1]", "<e>", "É", "İx", "ab", "a", " x", "..", "\u00a0q"], 4)
        tokens, next_id = [], NEXT
        for content in contents:
            id = VOCAB.index(content) if content in VOCAB else next_id
            next_id += content not in VOCAB
            switches = {name: flags.random() < 0.35 for name in ("single_word", "lstrip", "rstrip", "special")}
            tokens.append(added(content, id, normalized=flags.random() < 0.7, **switches))
        normalizer = None if n % 6 == 5 else {"clean_text": n % 4 != 3, "lowercase": n % 3 != 2}
        yield f"added tokens {n + 1}", {
            "tokenizer.json": word_piece(tokens, normalizer), "tokenizer_config.json": PLAIN}, "bert"
        if n < 4:
            yield f"added tokens {n + 1} of BERT's class", {"tokenizer.json": word_piece(tokens)}, "bert"
    bpe = {"vocab.json": "bpe.json", "merges.txt": "bpe.json"}
    yield "vocab.json with merges.txt", bpe, "roberta"
    yield "the same without <mask>", {**bpe, "vocab.json": "bpe.json without <mask>"}, "roberta"
    yield "the same with a space before", {**bpe, "tokenizer_config.json": {"add_prefix_space": True}}, "roberta"
    yield "the same with a <mask> that takes the space before it", {**bpe, "tokenizer_config.json": {"mask_token": {
        "__type": "AddedToken", **added("<mask>", 0, lstrip=True)}}}, "roberta"
    yield "the same with tokens added", {**bpe, "tokenizer_config.json": {
        "added_tokens_decoder": {"660": {"content": "NewTok", "rstrip": True}, "39": {"content": "a", "single_word": True}}}}, "roberta"


def written(name, content):
    if isinstance(content, str) and content.startswith("bpe.json"):
        bpe = json.loads((HERE / "bpe.json").read_text(encoding="utf-8"))
        if name == "merges.txt":
            return "#version: 0.2\n" + "\n".join(bpe["merges"]) + "\n"
        return json.dumps({token: id for token, id in bpe["vocab"].items() if "without" not in content or token != "<mask>"})
    return content if isinstance(content, str) else json.dumps(content)


def main():
    cases = []
    for name, files, model_type in folders():
        with tempfile.TemporaryDirectory() as folder:
            for file, content in files.items():
                (Path(folder) / file).write_text(written(file, content), encoding="utf-8", newline="")
            config = {} if model_type is None else {"model_type": model_type}
            (Path(folder) / "config.json").write_text(json.dumps(config), encoding="utf-8")
            tokenizer = AutoTokenizer.from_pretrained(folder)
            texts = BPE_TEXTS if model_type == "roberta" else TEXTS
            rows = [[text, tokenizer(text)["input_ids"]] for text in texts]
        cases.append({"name": name, "modelType": model_type, "files": files, "rows": rows})
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    text = f'{{\n"versions": {json.dumps(VERSIONS)},\n"cases": [\n{lines}\n]\n}}\n'
    (HERE / "imported-tokenizers.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
