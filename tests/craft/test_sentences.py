# SPDX-License-Identifier: GPL-3.0-or-later
"""A hundred sentences as people write them: prompts, editors' notes, a focus puller's shorthand.

Each row: the sentence, the strip's marks, what must be understood, and the words named as not understood. The first
three are prompts that were given verbatim.
"""

import pytest

from blender_rackfocus.craft.phrase import FocusPlace, understand

FORE, MID, BACK, HERE, INF, OUT = (
    FocusPlace(kind) for kind in ("FOREGROUND", "MIDGROUND", "BACKGROUND", "HERE", "INFINITY", "OUT")
)

LETTER = (
    "Medium shot of a woman reading a letter in the foreground, blurred city street behind her, rack focus pulls from "
    "her face to a figure approaching on the street behind, golden hour."
)
CUP = (
    "Close-up of a coffee cup in sharp focus, busy cafe interior softly blurred in the background, slow rack focus "
    "pulls back to reveal a couple arguing at a table behind it."
)
CHESS = (
    "Two chess pieces, one in sharp focus in the foreground, opponent's piece softly blurred behind it, fast snap rack "
    "focus to the background piece as a hand reaches in."
)
SEEN = "soft golden light, a car passes, "


def metres(value):
    return FocusPlace("DISTANCE", distance_m=value)


def mark(name):
    return FocusPlace("MARK", name=name)


ROWS = [
    # the three, without marks and with marks named after things in them
    (LETTER, (), {"stops": [FORE, BACK], "direction": "FAR", "feel": None, "recipe": None, "hold": False}, []),
    (LETTER, ("woman",), {"stops": [mark("woman"), BACK]}, []),
    (LETTER, ("figure",), {"stops": [FORE, mark("figure")]}, []),
    (LETTER, ("woman", "figure"), {"stops": [mark("woman"), mark("figure")]}, []),
    (LETTER, ("face", "figure", "hand"), {"stops": [mark("face"), mark("figure")]}, []),
    (LETTER, ("letter", "street"), {"stops": [FORE, BACK]}, []),
    (CUP, (), {"stops": [FORE, BACK], "direction": "FAR", "feel": "SLOW"}, []),
    (CUP, ("cup",), {"stops": [mark("cup"), BACK], "feel": "SLOW"}, []),
    (CUP, ("couple",), {"stops": [FORE, mark("couple")], "feel": "SLOW"}, []),
    (CUP, ("cup", "couple"), {"stops": [mark("cup"), mark("couple")], "feel": "SLOW"}, []),
    (CUP, ("table", "hand"), {"stops": [FORE, BACK], "feel": "SLOW"}, []),
    (CHESS, (), {"stops": [FORE, BACK], "direction": "FAR", "feel": "SNAP"}, []),
    (CHESS, ("piece",), {"stops": [FORE, mark("piece")], "feel": "SNAP"}, []),
    (CHESS, ("hand",), {"stops": [FORE, BACK], "feel": "SNAP"}, []),
    (CHESS, ("piece", "hand"), {"stops": [FORE, mark("piece")], "feel": "SNAP"}, []),
    (CHESS, ("King", "Queen"), {"stops": [FORE, BACK], "feel": "SNAP"}, []),
    # the scene says where focus starts, and nothing else
    ("A boy in sharp focus in the foreground, rack focus to the mountains in the background", (),
     {"stops": [FORE, BACK]}, []),
    ("The background is sharp, the girl in front is out of focus; rack to the girl", (), {"stops": [BACK, FORE]}, []),
    ("Mountains crisp in the distance, foreground flowers blurred, rack focus to the flowers", (),
     {"stops": [BACK, FORE], "direction": "NEAR"}, []),
    ("Sharp on Anna, Bob soft in the back, rack to Bob", ("Anna", "Bob"), {"stops": [mark("Anna"), mark("Bob")]}, []),
    ("A man stands in the background. A glass is sharp in the foreground. Rack focus to the man.", (),
     {"stops": [FORE, BACK]}, []),
    ("gentle rain, fast cars in the distance, rack from the foreground to the background", (),
     {"stops": [FORE, BACK], "feel": None}, []),
    (SEEN + "rack to infinity", (), {"stops": [HERE, INF]}, []),
    (SEEN + "rack to the back over 2 seconds", (), {"stops": [HERE, BACK], "duration_seconds": 2.0}, []),
    ("A couple dances in the background, slow pull from the candle in front to the couple", ("couple",),
     {"stops": [FORE, mark("couple")], "feel": "SLOW"}, []),
    ("Portrait of an old man, background softly blurred, 85mm f/1.4", (),
     {"stops": [], "focal_mm": 85.0, "f_number": 1.4}, []),
    ("street at night, bokeh lights, focus shifts from the near figure to the far one, anamorphic", (),
     {"stops": [FORE, BACK], "squeeze": 2.0}, []),
    ("We start on the letter, sharp, then rack to the woman", ("letter", "woman"),
     {"stops": [mark("letter"), mark("woman")]}, []),
    ("rack focus to the door as Anna enters", ("door", "Anna"), {"stops": [HERE, mark("door")]}, []),
    ("rack focus to Anna while Bob speaks", ("Anna", "Bob"), {"stops": [HERE, mark("Anna")]}, []),
    ("When Bob turns, snap to Anna", ("Anna", "Bob"), {"stops": [HERE, mark("Anna")], "feel": "SNAP"}, []),
    ("hand in the foreground, out of focus, rack from the face behind to the hand", ("hand", "face"),
     {"stops": [mark("face"), mark("hand")]}, []),
    # marks and articles
    ("A slow rack to B", ("A", "B"), {"stops": [HERE, mark("B")], "feel": "SLOW"}, []),
    ("rack from A to B", ("A", "B"), {"stops": [mark("A"), mark("B")]}, []),
    ("from B to A, quick", ("A", "B"), {"stops": [mark("B"), mark("A")], "feel": "QUICK"}, []),
    ("A rack from A to a chair in the back", ("A", "B"), {"stops": [mark("A"), BACK]}, []),
    ("rack to a man in the background", ("A",), {"stops": [HERE, BACK]}, []),
    ("i rack to I", ("I",), {"stops": [HERE, mark("I")]}, []),
    ("rack from the king to the queen", ("King", "Queen"), {"stops": [mark("King"), mark("Queen")]}, []),
    ("rack to the second king", ("King", "Second King"), {"stops": [HERE, mark("Second King")]}, []),
    ("rack to the kings in the back", ("King",), {"stops": [HERE, BACK]}, []),
    ("rack to Anna's face", ("Anna",), {"stops": [HERE, mark("Anna")]}, []),
    ("rack to the face of Anna", ("Anna",), {"stops": [HERE, mark("Anna")]}, []),
    ("rack to the man behind Anna", ("Anna",), {"stops": [HERE, BACK]}, []),
    ("Anna to Bob, smooth", ("Anna", "Bob"), {"stops": [mark("Anna"), mark("Bob")], "feel": "SMOOTH"}, []),
    # emphasis, story, hold and follow
    ("from the speaker to the listener", ("Speaker", "Listener"), {"stops": [mark("Speaker"), mark("Listener")]}, []),
    ("from the speaker to the listener and back again", ("Speaker", "Listener"),
     {"stops": [mark("Speaker"), mark("Listener"), mark("Speaker")], "recipe": "EMPHASIS"}, []),
    ("emphasis on the listener", ("Speaker", "Listener"),
     {"stops": [HERE, mark("Listener")], "recipe": "EMPHASIS"}, []),
    ("rack from the speaker to the listener", (), {"stops": []}, ["speaker", "listener"]),
    ("keep the horse sharp while it walks towards camera", ("horse",),
     {"stops": [HERE, mark("horse")], "hold": True, "direction": None}, []),
    ("keep the horse sharp while it walks towards camera", (), {"stops": [], "hold": True}, ["horse"]),
    ("hold focus on Anna as she walks to the door", ("Anna", "door"),
     {"stops": [HERE, mark("Anna")], "hold": True}, []),
    ("follow the dog running towards us", ("dog",), {"stops": [HERE, mark("dog")], "hold": True}, []),
    ("stay on Bob", ("Bob",), {"stops": [HERE, mark("Bob")], "hold": True}, []),
    ("rack to Anna and hold", ("Anna",), {"stops": [HERE, mark("Anna")], "hold": True}, []),
    ("keep Anna in focus", ("Anna",), {"stops": [HERE, mark("Anna")], "hold": True}, []),
    ("from Anna to Bob, then to the street, then infinity", ("Anna", "Bob", "Street"),
     {"stops": [mark("Anna"), mark("Bob"), mark("Street"), INF], "recipe": "SPATIAL"}, []),
    ("The camera holds on the gun, snap focus to the face behind it", ("gun", "face"),
     {"stops": [mark("gun"), mark("face")], "hold": False, "feel": "SNAP"}, []),
    ("hands holding a photograph in the foreground, rack to the suspect entering through the door", ("suspect", "door"),
     {"stops": [FORE, mark("suspect")], "hold": False}, []),
    ("A bottle in the foreground with people laughing in the background, rack focus to the people", (),
     {"stops": [FORE, BACK]}, []),
    ("raindrops on a window in sharp focus, then focus pulls to the blurred skyline beyond", (),
     {"stops": [HERE, BACK]}, []),
    ("the camera rests as focus shifts from the candle to the portrait on the wall", ("candle", "portrait"),
     {"stops": [mark("candle"), mark("portrait")]}, []),
    # mid-ground, and nothing at all
    ("rack from the foreground to the mid-ground", (), {"stops": [FORE, MID], "direction": "FAR"}, []),
    ("rack to the middle ground, then the background", (), {"stops": [HERE, MID, BACK]}, []),
    ("midground to foreground, snap", (), {"stops": [MID, FORE], "direction": "NEAR", "feel": "SNAP"}, []),
    ("rack until everything is out of focus", (), {"stops": [HERE, OUT]}, []),
    ("pull from Anna to everything out of focus over 3 seconds", ("Anna",),
     {"stops": [mark("Anna"), OUT], "duration_seconds": 3.0}, []),
    ("end completely defocused", (), {"stops": [HERE, OUT]}, []),
    ("starts with everything out of focus, rack to the foreground", (), {"stops": [OUT, FORE]}, []),
    # time
    ("rack to the back over half a minute", (), {"duration_seconds": 30.0}, []),
    ("rack to the back over a minute", (), {"duration_seconds": 60.0}, []),
    ("rack to the back over 1.5 minutes", (), {"duration_seconds": 90.0}, []),
    ("rack to the back in a second", (), {"duration_seconds": 1.0}, []),
    ("rack to the back over 2 seconds and 12 frames", (), {"duration_seconds": 2.0, "duration_frames": 12.0}, []),
    ("rack to the back, 36 frames", (), {"duration_frames": 36.0, "duration_seconds": None}, []),
    ("rack to the back at frame 48", (), {"start_frame": 48.0}, []),
    ("at 00:00:02:12 rack to the back", (), {"timecode": (0, 0, 2, 12), "stops": [HERE, BACK]}, []),
    ("rack to the back at 01:05", (), {"timecode": (0, 1, 5, 0)}, []),
    ("after 3 seconds rack to the back", (), {"start_seconds": 3.0, "duration_seconds": None}, []),
    ("rack to the back at 2.5s", (), {"start_seconds": 2.5, "duration_seconds": None}, []),
    ("rack to the back at 2 seconds over 12 frames", (), {"start_seconds": 2.0, "duration_frames": 12.0}, []),
    # stops of light
    ("T2.8, rack to the back", (), {"t_stop": 2.8, "f_number": None}, []),
    ("f/2.8, rack to the back", (), {"f_number": 2.8, "t_stop": None}, []),
    ("40mm anamorphic T2.3", (), {"t_stop": 2.3, "squeeze": 2.0, "focal_mm": 40.0}, []),
    ("85mm at f 1.4", (), {"focal_mm": 85.0, "f_number": 1.4}, []),
    ("t/1.5 lens", (), {"t_stop": 1.5}, []),
    # what might have been an order is named; what only describes is not
    ("slow zork rack from the foreground to the background", (), {"stops": [FORE, BACK]}, ["zork"]),
    ("rack to the background with sparkles", (), {"stops": [HERE, BACK]}, ["sparkles"]),
    ("dolly in, rack to the background", (), {"stops": [HERE, BACK]}, ["dolly in"]),
    ("zoom to the background", (), {"stops": [HERE, BACK]}, ["zoom"]),
    ("rack to the zebra", (), {"stops": []}, ["zebra"]),
    ("a zebra grazes, rack to the background", (), {"stops": [HERE, BACK]}, []),
    ("rack from the cup to the couple", ("cup",), {"stops": [mark("cup")]}, ["couple"]),
    ("an old clock ticks, wide shot, rack to the far wall", (), {"stops": [HERE, BACK]}, []),
    ("rack from 6 ft to 5'6\"", (), {"stops": [metres(1.8288), metres(1.6764)], "direction": "NEAR"}, []),
    # shorthand
    ("0.67 to 0.99, snap", (), {"stops": [], "feel": "SNAP"}, ["0.67", "0.99"]),
    ("0.67m to 0.99m snap", (), {"stops": [metres(0.67), metres(0.99)], "feel": "SNAP", "direction": "FAR"}, []),
    ("2m > 8m, 1s", (), {"stops": [metres(2), metres(8)], "duration_seconds": 1.0}, []),
    ("near -> far, slow", (), {"stops": [FORE, BACK], "feel": "SLOW"}, []),
    ("foreground \u2192 infinity", (), {"stops": [FORE, INF]}, []),
    ("fg to bg", (), {"stops": [FORE, BACK]}, []),
    ("pull focus bg to fg quick", (), {"stops": [BACK, FORE], "feel": "QUICK"}, []),
    ("RACK FOCUS: ANNA TO BOB", ("Anna", "Bob"), {"stops": [mark("Anna"), mark("Bob")]}, []),
    ("reveal the door behind Anna", ("door", "Anna"), {"stops": [HERE, mark("door")], "recipe": "REVEAL"}, []),
    ("focus drifts slowly from the window to Anna", ("Window", "Anna"),
     {"stops": [mark("Window"), mark("Anna")], "feel": "SLOW"}, []),
    ("snap focus from the gun barrel to the eye behind it", ("gun barrel", "eye"),
     {"stops": [mark("gun barrel"), mark("eye")], "feel": "SNAP"}, []),
    # in a hurry: cues, counts, marks called A and Two, typing errors, what goes soft, who is soft at first
    ("Close-up of a woman's hand holding a ring in sharp focus in the foreground, man blurred behind her, rack "
     "focus slowly to the man's face.", (),
     {"stops": [FORE, BACK], "feel": "SLOW", "direction": "FAR"}, []),
    ("Wide shot, soldier in the foreground out of focus, rack focus reveals him as the tank behind goes soft, "
     "golden hour", (),
     {"stops": [BACK, FORE], "direction": "NEAR", "recipe": "REVEAL"}, []),
    ("The camera starts on the blurred skyline in the background, then slowly pulls focus to the wine glass in "
     "the foreground.", (),
     {"stops": [BACK, FORE], "feel": "SLOW", "direction": "NEAR"}, []),
    ("Over-the-shoulder shot, focus on the detective, then rack to the suspect in the background on his "
     "line", ("detective", "suspect"),
     {"stops": [mark("detective"), mark("suspect")]}, []),
    ("Rack A to F on her turn, 18 frames, T2", ("A", "F", "Two"),
     {"stops": [mark("A"), mark("F")], "duration_frames": 18.0, "t_stop": 2.0}, []),
    ("pull from Two to A, half a second", ("A", "F", "Two"),
     {"stops": [mark("Two"), mark("A")], "duration_seconds": 0.5}, []),
    ("Rack from A to Two over two seconds", ("A", "F", "Two"),
     {"stops": [mark("A"), mark("Two")], "duration_seconds": 2.0}, []),
    ("f/2.8 rack A to F", ("A", "F", "Two"), {"stops": [mark("A"), mark("F")], "f_number": 2.8}, []),
    ("Snap to F at 00:00:03:10", ("A", "F", "Two"),
     {"stops": [HERE, mark("F")], "feel": "SNAP", "timecode": (0, 0, 3, 10)}, []),
    ("rack to the figure", ("figure",), {"stops": [HERE, mark("figure")]}, []),
    ("the figure in the doorway is blurred, the lamp in front sharp. Rack focus to the figure.", (),
     {"stops": [FORE, BACK], "direction": "FAR"}, []),
    ("Two figures, one in the foreground in sharp focus, the other softly blurred behind, slow rack focus to "
     "the second figure", (),
     {"stops": [FORE, BACK], "feel": "SLOW", "direction": "FAR"}, []),
    ("Medium close-up of a man at a bar, sharp, out of focus neon in the background, rack focus pulls from his "
     "eyes to the neon sign", (),
     {"stops": [FORE, BACK], "direction": "FAR"}, []),
    ("rack focus forground to backround, slow", (), {"stops": [FORE, BACK], "feel": "SLOW", "direction": "FAR"}, []),
    ("slow rack focuss from foreground to backgroud, 3 secs", (),
     {"stops": [FORE, BACK], "feel": "SLOW", "direction": "FAR", "duration_seconds": 3.0}, []),
    ("rack from the fore ground to the mid ground to the back ground", (),
     {"stops": [FORE, MID, BACK], "recipe": "SPATIAL"}, []),
    ("rack focus mid to background", (), {"stops": [MID, BACK], "direction": "FAR"}, []),
    ("rack focus from foreground, to midground, to background, then back to the foreground", (),
     {"stops": [FORE, MID, BACK, FORE], "recipe": "SPATIAL"}, []),
    ("Hold on Anna for 2 seconds, then rack to Bob over 1 second", ("Anna", "Bob"),
     {"stops": [mark("Anna"), mark("Bob")], "duration_seconds": 1.0, "start_seconds": 2.0}, []),
    ("hold Anna until frame 40 then snap to Bob", ("Anna", "Bob"),
     {"stops": [mark("Anna"), mark("Bob")], "feel": "SNAP", "start_frame": 40.0}, []),
    ("follow Anna as she crosses, then rack to the door", ("Anna", "door"),
     {"stops": [mark("Anna"), mark("door")]}, []),
    ("Emphasise the listener: speaker to listener, long enough to land, back to the speaker", ("Speaker", "Listener"),
     {"stops": [mark("Speaker"), mark("Listener"), mark("Speaker")], "recipe": "EMPHASIS"}, []),
    ("rack on the line from the speaker to the listener, T1.4 on a 75mm", ("Speaker", "Listener"),
     {"stops": [mark("Speaker"), mark("Listener")], "focal_mm": 75.0, "t_stop": 1.4}, []),
    ("Pull from 4'6\" to 12' in 2s", (),
     {"stops": [metres(1.3716), metres(3.6576)], "direction": "FAR", "duration_seconds": 2.0}, []),
    ("from 1.2 metres to infinity over 4 secs, eased", (),
     {"stops": [metres(1.2), INF], "feel": "SMOOTH", "direction": "FAR", "duration_seconds": 4.0}, []),
    ("rack 3m -> 0.8m at 01:00:02:00, quick", (),
     {"stops": [metres(3), metres(0.8)], "feel": "QUICK", "direction": "NEAR", "timecode": (1, 0, 2, 0)}, []),
    ("at 1:20, over 15 frames, rack to the window", ("window",),
     {"stops": [HERE, mark("window")], "duration_frames": 15.0, "timecode": (0, 1, 20, 0)}, []),
    ("over thirty frames rack to Bob", ("Bob",), {"stops": [HERE, mark("Bob")], "duration_frames": 30.0}, []),
    ("rack to Bob in a quarter of a second", ("Bob",), {"stops": [HERE, mark("Bob")], "duration_seconds": 0.25}, []),
    ("rack to Bob, one and a half seconds, starting at frame 12", ("Bob",),
     {"stops": [HERE, mark("Bob")], "duration_seconds": 1.5, "start_frame": 12.0}, []),
    ("Focus finds Anna", ("Anna",), {"stops": [HERE, mark("Anna")]}, []),
    ("Let the focus fall off Anna and land on the letter", ("Anna", "letter"),
     {"stops": [mark("Anna"), mark("letter")]}, []),
    ("Focus racks from coffee to couple", ("Coffee", "Couple"), {"stops": [mark("Coffee"), mark("Couple")]}, []),
    ("A cup in focus in the foreground; throw focus to the window behind", (),
     {"stops": [FORE, BACK], "direction": "FAR"}, []),
    ("Foreground leaves blurred, a deer sharp in the distance. Pull focus onto the leaves.", (),
     {"stops": [BACK, FORE], "direction": "NEAR"}, []),
    ("shallow focus on the rose, rack to the bee behind it when it lands", ("rose", "bee"),
     {"stops": [mark("rose"), mark("bee")], "f_number": 1.4}, []),
    ("Extreme close-up of an eye, then rack focus to the reflection", ("eye", "reflection"),
     {"stops": [mark("eye"), mark("reflection")]}, []),
    ("rack focus to whoever is behind her", (), {"stops": [HERE, BACK], "direction": "FAR"}, []),
    ("Bring the background into focus over 2 seconds", (),
     {"stops": [HERE, BACK], "direction": "FAR", "duration_seconds": 2.0}, []),
    ("Bring Anna into focus", ("Anna",), {"stops": [HERE, mark("Anna")]}, []),
    ("the focus goes from near to far very slowly", (),
     {"stops": [FORE, BACK], "feel": "SLOW", "direction": "FAR", "duration_seconds": 5.0}, []),
    ("A child's drawing in the foreground in crisp focus, the mother in the doorway is a soft blur; the focus "
     "shifts gently to the mother as she smiles.", (),
     {"stops": [FORE, BACK], "feel": "SLOW", "direction": "FAR"}, []),
    ("The background falls out of focus as Anna comes into focus", ("Anna",), {"stops": [BACK, mark("Anna")]}, []),
    ("Woman in sharp focus, man behind her blurred. Rack to him.", (), {"stops": [FORE, BACK], "direction": "FAR"}, []),
    ("Close-up on Anna, then rack to Bob", ("Anna", "Bob"), {"stops": [mark("Anna"), mark("Bob")]}, []),
    ("Rack back to Anna", ("Anna",), {"stops": [HERE, mark("Anna")]}, []),
    ("bring focus back to the foreground", (), {"stops": [HERE, FORE], "direction": "NEAR"}, []),
    ("get the couple sharp", ("couple",), {"stops": [HERE, mark("couple")]}, []),
    ("find the exit sign in the distance", (), {"stops": [HERE, BACK], "direction": "FAR"}, []),
    ("rack to the door that leads to the hall", ("door",), {"stops": [HERE, mark("door")]}, []),
    ("Leaves in the foreground, rack to the house behind", (), {"stops": [FORE, BACK], "direction": "FAR"}, []),
    ("focus leaves the cup and settles on the couple", ("cup", "couple"), {"stops": [mark("cup"), mark("couple")]}, []),
    ("keep the foreground sharp for 3 seconds then slowly rack to the background over 4 seconds", (),
     {"stops": [FORE, BACK], "feel": "SLOW", "direction": "FAR", "duration_seconds": 4.0, "start_seconds": 3.0}, []),
    ("twenty-four frames from Anna to Bob", ("Anna", "Bob"),
     {"stops": [mark("Anna"), mark("Bob")], "duration_frames": 24.0}, []),
    ("Rack focus: A > Two > F", ("A", "F", "Two"),
     {"stops": [mark("A"), mark("Two"), mark("F")], "recipe": "SPATIAL"}, []),
    ("soft focus on her, rack to the mirror", ("mirror",), {"stops": [HERE, mark("mirror")]}, []),
    ("Bring up the background", (), {"stops": [HERE, BACK], "direction": "FAR"}, []),
    ("come into focus on the face", ("face",), {"stops": [HERE, mark("face")]}, []),
    ("Rack focus from the figure to the figure behind", (), {"stops": [FORE, BACK], "direction": "FAR"}, []),
    ("rack from the man to the woman in front", (), {"stops": [BACK, FORE], "direction": "NEAR"}, []),
    ("rack from the vase to the figure behind", (), {"stops": [HERE, BACK]}, ["vase"]),
    ("rack to the background, then to the figure", (), {"stops": [HERE, BACK]}, ["figure"]),
    ("rack from close to far over 3 beats", (), {"stops": [FORE, BACK], "direction": "FAR"}, []),
    ("rack to the back, 2:12", (), {"stops": [HERE, BACK], "timecode": (0, 2, 12, 0)}, []),
    ("rack to the back, 85", (), {"stops": [HERE, BACK], "focal_mm": None}, ["85"]),
    ("on an 85 at f/2, rack to the back", (), {"stops": [HERE, BACK], "f_number": 2.0}, ["85"]),
    ("85 prime, rack to the back", (), {"stops": [HERE, BACK], "focal_mm": 85.0}, []),
    ("lens 35, rack to the back", (), {"stops": [HERE, BACK], "focal_mm": 35.0}, []),
    ("3 men at a bar in 1980, rack to the back", (), {"stops": [HERE, BACK]}, []),
    ("rack to 3", (), {"stops": []}, ["3"]),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "marks", "expected", "unknown"), ROWS, ids=[f"{i}" for i in range(len(ROWS))])
def test_sentence(sentence, marks, expected, unknown):
    said = understand(sentence, marks)
    assert {name: getattr(said, name) for name in expected} == expected
    assert [span.text for span in said.unknown] == unknown


def test_there_are_a_hundred():
    assert len(ROWS) >= 100
