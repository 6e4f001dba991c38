"""ISO 639 codes and the names of languages: what users say, and what checkpoints say.

Plain strings: no pipeline, no torch.
"""

import re

# ISO 639-1, ISO 639-3 (of a macrolanguage, first the member that checkpoints have), English name.
_TABLE = """
af afr afrikaans|ak aka akan|am amh amharic|ar arb,ara arabic|as asm assamese|ay ayr,aym aymara
az azj,aze azerbaijani|ba bak bashkir|be bel belarusian|bg bul bulgarian|bm bam bambara
bn ben bengali|bo bod tibetan|br bre breton|bs bos bosnian|ca cat catalan|cs ces czech
cy cym welsh|da dan danish|de deu german|dz dzo dzongkha|ee ewe ewe|el ell greek|en eng english
eo epo esperanto|es spa spanish|et est,ekk estonian|eu eus basque|fa pes,fas persian
ff fuv,ful fulah|fi fin finnish|fj fij fijian|fo fao faroese|fr fra french|fy fry frisian
ga gle irish|gd gla scottish_gaelic|gl glg galician|gn grn guarani|gu guj gujarati|ha hau hausa
he heb hebrew|hi hin hindi|hr hrv croatian|ht hat haitian|hu hun hungarian|hy hye armenian
id ind indonesian|ig ibo igbo|is isl icelandic|it ita italian|ja jpn japanese|jv jav javanese
ka kat georgian|kg kon kongo|ki kik kikuyu|kk kaz kazakh|km khm khmer|kn kan kannada
ko kor korean|kr knc,kau kanuri|ks kas kashmiri|ku kmr,kur kurdish|ky kir kyrgyz|la lat latin
lb ltz luxembourgish|lg lug ganda|li lim limburgish|ln lin lingala|lo lao lao|lt lit lithuanian
lv lvs,lav latvian|mg plt,mlg malagasy|mi mri maori|mk mkd macedonian|ml mal malayalam
mn khk,mon mongolian|mr mar marathi|ms zsm,msa malay|mt mlt maltese|my mya burmese
ne npi,nep nepali|nl nld dutch|nn nno nynorsk|no nob,nor norwegian|ny nya chichewa|oc oci occitan
om gaz,orm oromo|or ory,ori oriya|pa pan punjabi|pl pol polish|ps pbt,pus pashto|pt por portuguese
qu quy,que quechua|rn run kirundi|ro ron romanian|ru rus russian|rw kin kinyarwanda
sa san sanskrit|sc srd sardinian|sd snd sindhi|sg sag sango|si sin sinhala|sk slk slovak
sl slv slovenian|sm smo samoan|sn sna shona|so som somali|sq als,sqi albanian|sr srp serbian
ss ssw swati|st sot sotho|su sun sundanese|sv swe swedish|sw swh,swa swahili|ta tam tamil
te tel telugu|tg tgk tajik|th tha thai|ti tir tigrinya|tk tuk turkmen|tl tgl tagalog|tn tsn tswana
tr tur turkish|ts tso tsonga|tt tat tatar|tw twi twi|ug uig uyghur|uk ukr ukrainian|ur urd urdu
uz uzn,uzb uzbek|vi vie vietnamese|wo wol wolof|xh xho xhosa|yi ydd,yid yiddish|yo yor yoruba
zh zho,cmn chinese|zu zul zulu
"""
_ROWS = [row.split() for row in re.split(r"[|\n]", _TABLE.strip())]

NAMES = {code: name.replace("_", " ").title() for code, _, name in _ROWS}
_ISO_639_1 = {three: code for code, threes, _ in _ROWS for three in threes.split(",")}
_ISO_639_1 |= {name: code for code, _, name in _ROWS}
# Codes that were replaced, or that say more than most checkpoints tell apart.
_ISO_639_1 |= {"iw": "he", "in": "id", "jw": "jv", "nb": "no", "fil": "tl", "ji": "yi", "mo": "ro"}
_ISO_639_1 |= {"pidgin": "pcm"}
_SCRIPTS = {"cn": "Hans", "sg": "Hans", "tw": "Hant", "hk": "Hant", "simplified": "Hans"}
_SCRIPTS |= {"traditional": "Hant", "cyrillic": "Cyrl", "latin": "Latn"}


def normalize(code: str) -> str:
    """The shortest code of a language: "deu" and "de_DE" are "de", "zho_Hant" is "zh-Hant".

    A script is kept, a region is not, but for those that say the script of Chinese.

    code: An ISO 639 code, with or without script and region, or an English name.
    """
    return _normalize(code, keep_script=True)


def base(code: str) -> str:
    """The code of a language without its script: "zho_Hant" is "zh"."""
    return _normalize(code, keep_script=False)


def _normalize(code: str, keep_script: bool) -> str:
    whole = code.lower().replace(" ", "_")
    if whole in _ISO_639_1:
        return _ISO_639_1[whole]
    first, *rest = re.split("[-_]", whole)
    lang = _ISO_639_1.get(first, first)
    if keep_script:
        for part in rest:
            if part in _SCRIPTS and (lang == "zh" or len(part) > 2):
                return f"{lang}-{_SCRIPTS[part]}"
            if len(part) == 4:
                return f"{lang}-{part.title()}"
    return lang


def name(code: str) -> str:
    """The English name of a language; its code if that has no name here."""
    return NAMES.get(base(code), code)
