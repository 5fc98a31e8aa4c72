# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of `phrase`, as patterns: what an order, a place, a feel, a lens is called. Lower case throughout."""

COUNTS = {
    "half a": 0.5,
    "a half": 0.5,
    "half": 0.5,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "twelve": 12,
    "twenty": 20,
    "one and a half": 1.5,
    "a": 1,
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

SHARP = r"(?:in )?(?:sharp|crisp|tack[- ]sharp|clear)(?: focus)?|in focus"
SOFT = (
    r"(?:(?:softly|slightly|beautifully|heavily|completely) )?"
    r"(?:blurred|blurry|soft|hazy|defocuss?ed|out[- ]of[- ]focus|unsharp)"
)
ALL_OUT = (
    rf"(?:everything|all|it all|the whole (?:picture|frame|image|shot))(?: (?:is|goes|being|falls|turns))?"
    rf"(?: (?:completely|totally|entirely|fully))? (?:{SOFT})|(?:completely|totally|entirely|fully) (?:{SOFT})"
)

# "near the door" tells where somebody stands in the room, not how far from the lens
NEAR = (
    r"foreground|fg|front|nearest|near(?! (?:the|a|an|his|her|its|their|to (?:the|a|an))\b)|"
    r"closest|close(?! (?:to|up)\b)(?!-up)|in front"
)
MIDDLE = r"mid-?ground|middle[- ]ground|middle distance|mid-distance"
FAR = r"background|bg|behind|beyond|farthest|furthest|far(?! from\b)|distance|distant|back|rear"
INFINITY = r"infinity|\u221e"

TRIGGER = (
    r"rack(?:s|ed|ing)?|refocus(?:es|ed|ing)?|pull(?:s|ed|ing)?|"
    r"focus(?:es|ed|ing)? (?:slowly |quickly |then )?(?:shift|mov|go|pull|rack|drift|snap|travel|chang|switch|settl|"
    r"fall|land|jump|glid|slid|return|on\b|to\b|from\b)\w*|"
    r"(?:shift|mov|chang|switch|snap|whip|throw|drift|bring|transfer|carr)(?:e|y|s|es|ies|ed|ied|ing)? (?:the )?focus|"
    r"reveal(?:s|ing|ed)?|transition(?:s|ing)?|bridg(?:es|ing|e)|emphasi(?:s|[sz]es|[sz]ing|[sz]e)|"
    r"spatial (?:storytelling|story)|opens?(?: up)?(?: the world)|clos(?:es|ing) (?:in|the world)"
)
HOLD = (
    r"follows?|following focus(?: on)?|(?:holds?|keeps?|stays?)(?: (?:the )?focus)?(?: (?:on|with))?|"
    r"(?:holding|keeping|staying)(?: (?:the )?focus)? (?:on|with)|tracks?"
)
FROM = r"from|off|(?:we )?(?:start|begin)(?:s|ing|ning)? (?:on|with|at|in)|leav(?:es|ing)"
TO = (
    r"to(?! (?:us|camera|the camera|the lens)\b)|towards?(?! (?:us|camera|the camera|the lens)\b)|onto|into|until|"
    r"then(?: on)?(?: to)?|finally|(?:end|land|finish|stop|arriv)(?:s|es|ing)? (?:on|at|with|in)|"
    r"end(?:s|ing)?(?= (?:completely|totally|entirely|fully)\b)|focus(?:es|ing)? on"
)
# somebody who walks to the door is described; focus that goes there is an order
_WAYS = r"walk|runn?|com|stepp?|turn|look|lead|head|driv|fly|crawl|gallop|mov|go|approach"
GOES = rf"(?:{_WAYS})(?:ing|e?s|e)? (?:to|towards?|into|onto)"

SUBORDINATE = r"as|while|when|whilst|where|whenever|before"
CAMERA_MOVE = r"(?:doll(?:y|ies)|zoom|tilt|pan|crane|truck|push|orbit)(?:s|es|ing)?(?: (?:in|out|left|right|up|down))?"
PRONOUN = r"her|his|their|its|the same|face|eyes?|hands?"
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
    r"rack(?:s|ed|ing)?|pull(?:s|ed|ing)?|focus(?:es|ed|ing|sing)?|focal point|shift(?:s|ed|ing)?|"
    r"change(?:s|d)?|mov(?:es|ing|e)|go(?:es)?|switch(?:es)?|start(?:s|ing)?|begin(?:s|ning)?|uses?|using|shot|shoot|"
    r"lens|prime|camera|stop|cinematic|film|movie|scene|picture|image|frame|video|in|on|at|by|over|for|within|takes?|"
    r"taking|about|around|sharp|crisp|clear|again|there|where|here|he|she|they|finally|then|forth|world|after|"
    r"second|long|feel|through|up|out|off|towards?|to|from|into|onto"
)
EXACT = {"a", "an", "i", "it", "one", "he", "she", "we", "the", "in", "on", "to"}
"""Marks of such a name count only where written as the mark is, and no word follows that they belong to."""
EXACT_ENDS = r"\s*(?:$|[,;.!?:)]|->|>|\u2192|(?:to|from|and|then|over|in|at|until|while|as|with|on)\b)"
