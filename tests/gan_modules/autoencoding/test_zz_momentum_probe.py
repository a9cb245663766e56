import torch
from gan_modules.autoencoding.glo import GLO
def test_probe(monkeypatch):
    monkeypatch.setattr(GLO, "optimizer", lambda self, p, lr: torch.optim.SGD(p, lr=lr, momentum=0.9))
    from tests.gan_modules.autoencoding.test_glo import test_only_codes_of_the_batch_move_kat_42 as t
    t(monkeypatch)
