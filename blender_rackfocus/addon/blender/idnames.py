# SPDX-License-Identifier: GPL-3.0-or-later
"""What Blender calls the kinds of compositor nodes that we make or look for: the one place where they are named."""

TREE = "CompositorNodeTree"
"""The kind of tree that they lie in."""

ATTRIBUTE = "ShaderNodeAttribute"
BOKEH_BLUR = "CompositorNodeBokehBlur"
BOKEH_IMAGE = "CompositorNodeBokehImage"
CAMERA_INFO = "GeometryNodeCameraInfo"
COLOUR = "CompositorNodeRGB"
COMBINE_COLOUR = "CompositorNodeCombineColor"
COMBINE_XYZ = "ShaderNodeCombineXYZ"
CRYPTOMATTE = "CompositorNodeCryptomatteV2"
GROUP = "CompositorNodeGroup"
GROUP_INPUT = "NodeGroupInput"
GROUP_OUTPUT = "NodeGroupOutput"
IMAGE = "CompositorNodeImage"
IMAGE_INFO = "CompositorNodeImageInfo"
INPAINT = "CompositorNodeInpaint"
LEVELS = "CompositorNodeLevels"
MATHS = "ShaderNodeMath"
MIX = "ShaderNodeMix"
MOVIE_CLIP = "CompositorNodeMovieClip"
OUTPUT_FILE = "CompositorNodeOutputFile"
RENDER_LAYERS = "CompositorNodeRLayers"
REROUTE = "NodeReroute"
SCALE = "CompositorNodeScale"
SEPARATE_COLOUR = "CompositorNodeSeparateColor"
SEPARATE_XYZ = "ShaderNodeSeparateXYZ"
SET_ALPHA = "CompositorNodeSetAlpha"
SWITCH = "GeometryNodeSwitch"
VALUE = "ShaderNodeValue"
VECTOR_MATHS = "ShaderNodeVectorMath"
VIEWER = "CompositorNodeViewer"

PIXEL_BY_PIXEL = {
    "CompositorNodeAlphaOver",
    "CompositorNodeBrightContrast",
    "CompositorNodeColorBalance",
    "CompositorNodeColorCorrection",
    "CompositorNodeCombineColor",
    "CompositorNodeConvertColorSpace",
    "CompositorNodeCurveRGB",
    "CompositorNodeDenoise",
    "CompositorNodeExposure",
    "CompositorNodeGamma",
    "CompositorNodeHueCorrect",
    "CompositorNodeHueSat",
    "CompositorNodeInvert",
    "CompositorNodePosterize",
    "CompositorNodePremulKey",
    "CompositorNodeRGB",
    "CompositorNodeRGBToBW",
    "CompositorNodeSeparateColor",
    "CompositorNodeSetAlpha",
    "CompositorNodeSwitch",
    "ShaderNodeBrightContrast",
    "ShaderNodeClamp",
    "ShaderNodeCombineXYZ",
    "ShaderNodeGamma",
    "ShaderNodeMapRange",
    "ShaderNodeMath",
    "ShaderNodeMix",
    "ShaderNodeRGBCurve",
    "ShaderNodeSeparateXYZ",
    "ShaderNodeValToRGB",
    "ShaderNodeValue",
    "ShaderNodeVectorCurve",
    "ShaderNodeVectorMath",
}
"""What changes each pixel by itself, or with those close to it, whatever the picture's size."""
