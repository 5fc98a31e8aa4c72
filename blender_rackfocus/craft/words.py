# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of `phrase`, as patterns: what an order, a place, a feel, a lens is called. Lower case throughout."""

_UNITS = dict(zip(("one", "two", "three", "four", "five", "six", "seven", "eight", "nine"), range(1, 10), strict=True))
_TEENS = ("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
_TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60}
COUNTS = {
    "half of a": 0.5,
    "half a": 0.5,
    "a half": 0.5,
    "half": 0.5,
    "a quarter of a": 0.25,
    "quarter of a": 0.25,
    "a third of a": 1 / 3,
    "three quarters of a": 0.75,
    "one and a half": 1.5,
    "two and a half": 2.5,
    "a couple of": 2,
    "a": 1,
    **_UNITS,
    **{word: 10 + number for number, word in enumerate(_TEENS)},
    **_TENS,
    **{f"{ten}{gap}{one}": tens + ones for ten, tens in _TENS.items() for one, ones in _UNITS.items() for gap in " -"},
}
NUMBER = r"(?P<n>\d+(?:[.,]\d+)?|\.\d+)"
OTHER_NUMBER = NUMBER.replace("<n>", "<k>")
COUNT = rf"(?P<w>{'|'.join(sorted(COUNTS, key=len, reverse=True))})"
OVER = r"(?:(?:over|in|within|for|lasting|takes|taking|during) )?(?:about |around )?"

FEELS = {
    "SLOW": r"slow(?:ly|er)?|gentl[ey]|gradual(?:ly)?|subtl[ey]|drift(?:s|ing)?|languid(?:ly)?|leisurely|"
    r"delicate(?:ly)?|dreamy",
    "SMOOTH": r"smooth(?:ly)?|fluid(?:ly)?|flowing|eased?|natural(?:ly)?",
    "QUICK": r"quick(?:ly|er)?|fast(?:er)?|rapid(?:ly)?|swift(?:ly)?|brisk(?:ly)?|speedy",
    "SNAP": r"snap(?:s|ped|ping|py)?|whip(?:s|ped)?|instant(?:ly)?|sudden(?:ly)?|abrupt(?:ly)?|jolt(?:s|ing)?",
    "HESITANT": r"hesita(?:nt|ntly|tes|ting|te|tion)|tentative(?:ly)?|uncertain(?:ly)?|searching(?:ly)?",
    "SETTLE": r"settl(?:es|ing|e)|overshoot(?:s|ing)?|human|organic(?:ally)?|hand[- ]pulled",
    "EVEN": r"even(?:ly)?|linear(?:ly)?|constant(?:ly)?|mechanical(?:ly)?|motori[sz]ed|stead(?:y|ily)",
}
VERY = r"(?:(?P<very>very|really|extremely|ultra|super)[- ])?"
FEEL_SPEED = {"SNAP": 2, "QUICK": 1, "SMOOTH": 0, "EVEN": 0, "SETTLE": 0, "HESITANT": -1, "SLOW": -2}

SENSORS = {
    "FULL_FRAME": r"full[- ]frame",
    "SUPER_35": r"super[- ]?35(?: ?mm)?|s35",
    "APS_C": r"aps-?c",
    "MFT": r"micro (?:four|4) ?thirds|micro 4/3|mft|m43",
    "ONE_INCH": r"(?:1|one)[- ]inch sensor",
    "SUPER_16": r"super[- ]?16(?: ?mm)?|s16",
    "STANDARD_16": r"16 ?mm film",
    "SUPER_8": r"super[- ]?8(?: ?mm)?",
    "FILM_65": r"65 ?mm film|70 ?mm film",
    "IMAX": r"imax",
    "LARGE_FORMAT": r"large[- ]format",
    "MEDIUM_645": r"medium[- ]format",
}

LENSES = {
    "M100_28": r"macro(?: lens)?",
    "P85_14": r"portrait lens",
    "W24_14": r"wide[- ]angle(?: lens)?|wide lens",
    "T135_20": r"telephoto(?: lens)?|tele lens|long lens",
    "N50_18": r"(?:normal|standard) lens|nifty fifty",
}
"""The preset that a kind of lens stands for."""

VERY_SHALLOW = (
    r"(?:very|extremely|razor[- ]thin|ultra|super)[- ](?:shallow )?(?:depth of field|dof)|razor[- ]thin focus"
)
SHALLOW = r"shallow (?:depth of field|dof|focus(?! on\b))|shallow"
DEEP = r"(?:deep|large) (?:depth of field|dof|focus)"
TIMECODE = r"(?P<t>\d{1,2}(?::\d{2}){1,2}(?:[:;]\d{2})?)"

SHARP = r"(?:in )?(?:sharp|crisp|tack[- ]sharp|clear)(?: focus)?|in focus"
SOFT = (
    r"(?:(?:softly|slightly|beautifully|heavily|completely) )?"
    r"(?:blurred|blurry|soft|hazy|defocuss?ed|out[- ]of[- ]focus|unsharp)"
)
GOES_SOFT = (
    rf"(?:go|fall|turn|drop|slip|drift|melt|becom)(?:e?s|ing|e)? (?:{SOFT}|into (?:a )?(?:soft )?(?:blur|bokeh))"
)
ALL_OUT = (
    r"nothing(?: is| at all)? (?:in focus|sharp)|"
    rf"(?:everything|all|it all|the whole (?:picture|frame|image|shot))(?: (?:is|goes|being|falls|turns))?"
    rf"(?: (?:completely|totally|entirely|fully))? (?:{SOFT})|(?:completely|totally|entirely|fully) (?:{SOFT})"
)

# "near the door" tells where somebody stands in the room, not how far from the lens
_GROUND = r"(?:ground|gorund|groudn|groud|gound|grond|grund|groun|round)"  # as it is typed in a hurry
NEAR = (
    rf"fo(?:re|r|er){_GROUND}|fore[- ]ground|fg|front|"
    r"nearest|near(?! (?:the|a|an|his|her|its|their|to (?:the|a|an))\b)|"
    r"closest|close(?! (?:to|up)\b)(?!-up)|in front"
)
MIDDLE = (
    rf"mid-?{_GROUND}|mid ground|middle[- ]ground|middle distance|mid-distance|"
    r"(?:mid|(?<=to )middle|(?<=to the )middle|(?<=from )middle|(?<=from the )middle)(?=[\s\x00]*$)"
)
_RETURNS = "rack racks racking focus focuses go goes come comes return returns snap then and"  # "rack back to her"
FAR = rf"ba(?:ck|c|k){_GROUND}|back[- ]ground" + (
    r"|bg|behind|beyond|farthest|furthest|far(?! from\b)|distance|distant|"
    + "".join(rf"(?<!{word} )" for word in _RETURNS.split())
    + r"back|rear"
)
INFINITY = r"infinity|\u221e"

TRIGGER = (
    r"rack(?:s|ed|ing)?|refocus(?:es|ed|ing)?|pull(?:s|ed|ing)?|"
    r"focus(?:es|ed|ing)? (?:slowly |quickly |then )?(?:shift|mov|go|pull|rack|drift|snap|travel|chang|switch|settl|"
    r"fall|land|jump|glid|slid|return|find|wander|roll|eas|com|on\b|to\b|from\b)\w*|"
    r"(?:bring|find|get)(?:s|ing)?|(?:come|fall|snap|eas)(?:s|es|ing|e)?(?= in(?:to)? (?:\w+ )?focus)|"
    r"(?:shift|mov|chang|switch|snap|whip|throw|drift|bring|transfer|carr)(?:e|y|s|es|ies|ed|ied|ing)? (?:the )?focus|"
    r"reveal(?:s|ing|ed)?|transition(?:s|ing)?|bridg(?:es|ing|e)|emphasi(?:s|[sz]es|[sz]ing|[sz]e)|"
    r"spatial (?:storytelling|story)|opens?(?: up)?(?: the world)|clos(?:es|ing) (?:in|the world)"
)
OPENS = (
    r"opens?(?: up)?(?: the world)?|opening(?: up)?|"
    r"pull(?:s|ing|ed)? (?:the )?(?:focus )?(?:back|out|deeper)(?:wards?)?"
)
CLOSES = r"clos(?:es|ing) (?:in|the world)|pull(?:s|ing|ed)? (?:the )?(?:focus )?(?:forwards?|in|closer|nearer)"
HOLD = (
    r"follows?|following focus(?: on)?|(?:holds?|keeps?|stays?)(?: (?:the )?focus)?(?: (?:on|with))?|"
    r"(?:holding|keeping|staying)(?: (?:the )?focus)? (?:on|with)|tracks?"
)
FROM = r"from|off|(?:we )?(?:start|begin)(?:s|ing|ning)? (?:on|with|at|in)|(?<=focus )leaves|(?<=it )leaves|leaving"
TO = (
    r"to(?! (?:us|camera|the camera|the lens)\b)|towards?(?! (?:us|camera|the camera|the lens)\b)|onto|into|until|"
    r"then(?: on)?(?: to)?|finally|(?:end|land|finish|stop|arriv)(?:s|es|ing)? (?:on|at|with|in)|"
    r"settl(?:es?|ing) on|(?:com(?:es?|ing) to )?rest(?:s|ing)? on|"
    r"end(?:s|ing)?(?= (?:completely|totally|entirely|fully)\b)|focus(?:es|ing)? on"
)
# somebody who walks to the door is described; focus that goes there is an order
_WAYS = r"walk|runn?|com|stepp?|turn|look|lead|head|driv|fly|crawl|gallop|mov|go|approach"
GOES = rf"(?:{_WAYS})(?:ing|e?s|e)? (?:to|towards?|into|onto)"

SUBORDINATE = r"as|while|when|whilst|where|whenever|before"
CUE = r"on (?:the |his |her |its |their |a )?(?:lines?|beat|cue|turn|word|look|action|downbeat|reaction)"
"""A moment that only those on the set know."""
INTO_FOCUS = r"(?:(?:come|fall|snap|ease|slip)s? |coming )?(?:back )?in(?:to)? (?:sharp |crisp |clear )?focus"
OTHER = r"other|second"
CAMERA_MOVE = r"(?:doll(?:y|ies)|zoom|tilt|pan|crane|truck|push|orbit)(?:s|es|ing)?(?: (?:in|out|left|right|up|down))?"
PRONOUN = r"her|him|his|them|their|it|its|the same|face|eyes?|hands?"
SHOT_SIZE = (
    r"(?:(?:extreme|medium|wide|long|full|close|static|handheld) )*(?:shot|close-?up|view|frame|portrait|picture)s? of|"
    r"close-?up|sharp on|focus (?:is )?on"
)
HEAD_ENDS = (
    r"at|on|in|by|beside|near|next|with|who|that|which|behind|before|over|under|across|approaching|"
    r"\w{3,}ing|is|are|stands?|sits?|walks?|comes?|dances?"
)
SOMEBODY = (
    r"figure|piece|person|people|man|woman|girl|boy|child|subject|object|face|eyes?|character|actor|actress|"
    r"one|thing|someone|somebody|something|element|plane|side|end|area|part|"
    r"(?:two|three|four|both|several) (?:figures|pieces|people|men|women|persons|objects|faces|characters)"
)
FILLER = (
    r"the|a|an|of|and|with|while|as|is|are|it|its|it's|his|her|their|this|that|we|let|lets|let's|me|give|make|i|us|"
    r"do|have|please|some|just|now|so|but|which|who|very|really|quite|close-?up|close up|focus distance|"
    r"rack(?:s|ed|ing)?|pull(?:s|ed|ing)?|fo[ck]uss?(?:es|ed|ing)?|focous|foucs|rack-?focus|focal point|"
    r"shift(?:s|ed|ing)?|"
    r"change(?:s|d)?|mov(?:es|ing|e)|go(?:es)?|switch(?:es)?|start(?:s|ing)?|begin(?:s|ning)?|uses?|using|shot|shoot|"
    r"lens|prime|camera|stop|cinematic|film|movie|scene|picture|image|frame|video|in|on|at|by|over|for|within|takes?|"
    r"taking|about|around|sharp|crisp|clear|again|there|where|here|he|she|they|finally|then|forth|world|after|"
    r"second|long|feel|through|up|back|out|off|towards?|to|from|into|onto"
)
EXACT = {"a", "an", "i", "it", "one", "he", "she", "we", "the", "in", "on", "to"}
"""Marks of such a name count only where written as the mark is, and no word follows that they belong to."""
EXACT_ENDS = r"\s*(?:$|[,;.!?:)]|->|>|\u2192|(?:to|from|and|then|over|in|at|until|while|as|with|on)\b)"
