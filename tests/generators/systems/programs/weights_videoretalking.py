"""Random weights for VideoReTalking's networks in the formats that its checkout expects; run from its folder.

What finds faces and what enhances pictures is replaced: dlib's own detector finds the face, its landmarks are always
the same, and GPEN and GFPGAN hand pictures back as they are. Its lip network and the three before it are its own.
"""

import sys
from pathlib import Path

import dlib
import numpy as np
import torch
from scipy.io import savemat

ANGLES = np.linspace(0, np.pi, 17)
JAW = np.stack([0.5 - 0.38 * np.cos(ANGLES), 0.42 + 0.5 * np.sin(ANGLES)], axis=1)


def ring(x: float, y: float, width: float, height: float, count: int) -> np.ndarray:
    turn = np.pi + 2 * np.pi * np.arange(count) / count
    return np.stack([x + width * np.cos(turn), y + height * np.sin(turn)], axis=1)


BROWS = [(x, 0.33) for x in (*np.linspace(0.2, 0.4, 5), *np.linspace(0.6, 0.8, 5))]
NOSE = [(0.5, y) for y in np.linspace(0.42, 0.57, 4)] + [(x, 0.61) for x in np.linspace(0.43, 0.57, 5)]
EYES = np.concatenate([ring(0.32, 0.42, 0.06, 0.02, 6), ring(0.68, 0.42, 0.06, 0.02, 6)])
LIPS = np.concatenate([ring(0.5, 0.75, 0.13, 0.05, 12), ring(0.5, 0.75, 0.09, 0.02, 8)])
FACE = np.concatenate([JAW, BROWS, NOSE, EYES, LIPS])
"""The 68 landmarks of a face, as shares of its picture."""

STAND_INS = {
    "face_alignment.py": """
import numpy as np

class LandmarksType:
    _2D = 1

class FaceAlignment:
    def __init__(self, *_, **__):
        self.detector = None

    def get_landmarks_from_image(self, image):
        return [np.load("face.npy") * [image.shape[1], image.shape[0]]]
""",
    "third_part/face_detection/__init__.py": """
import dlib

class LandmarksType:
    _2D = 1

class FaceAlignment:
    def __init__(self, *_, **__):
        self.detector = dlib.get_frontal_face_detector()

    def get_detections_for_batch(self, images):
        found = [self.detector(image, 1)[0] for image in images]
        return [(box.left(), box.top(), box.right(), box.bottom()) for box in found]
""",
    "third_part/GPEN/gpen_face_enhancer.py": """
import numpy as np

class FaceEnhancement:
    def __init__(self, *_, **__):
        self.faceparser = self

    def process(self, image, other, **options):
        if isinstance(other, list):
            return [np.full(image.shape[:2], 255, np.uint8)]
        return image, [], []
""",
    "third_part/GFPGAN/gfpgan/__init__.py": """
class GFPGANer:
    def __init__(self, *_, **__):
        pass

    def enhance(self, image, **options):
        return [], [], image
""",
}
for path, text in STAND_INS.items():
    Path(path).write_text(text)
np.save("face.npy", FACE)

sys.path.insert(0, "third_part")  # as inference.py does
from models.DNet import DNet  # noqa: E402
from models.ENet import ENet  # noqa: E402
from models.LNet import LNet  # noqa: E402
from third_part.face3d.models import networks  # noqa: E402

torch.manual_seed(0)
checkpoints = Path("checkpoints")
(checkpoints / "BFM").mkdir(parents=True, exist_ok=True)
lips = LNet()
torch.save({"state_dict": lips.state_dict()}, checkpoints / "LNet.pth")
torch.save({"state_dict": ENet(lnet=lips).state_dict()}, checkpoints / "ENet.pth")
torch.save({"net_G_ema": DNet().state_dict()}, checkpoints / "DNet.pt")
shape = networks.define_net_recon(net_recon="resnet50", use_last_fc=False, init_path="")
torch.save({"net_recon": shape.state_dict()}, checkpoints / "face3d_pretrain_epoch_20.pth")
upright = np.stack([2 * FACE[:, 0] - 1, 1 - 2 * FACE[:, 1], np.hypot(*(FACE - 0.5).T)], axis=1)
savemat(checkpoints / "BFM/similarity_Lm3D_all.mat", {"lm": upright})
savemat(checkpoints / "expression.mat", {"expression_center": np.zeros((1, 64), np.float32)})
picture = np.zeros((100, 100), np.uint8)
points = [dlib.point(*(round(100 * side) for side in place)) for place in FACE]
options = dlib.shape_predictor_training_options()
options.cascade_depth = options.tree_depth = options.oversampling_amount = 1
options.num_trees_per_cascade_level = 1
examples = [[dlib.full_object_detection(dlib.rectangle(0, 0, 100, 100), points)]] * 2
dlib.train_shape_predictor([picture] * 2, examples, options).save(
    str(checkpoints / "shape_predictor_68_face_landmarks.dat")
)
