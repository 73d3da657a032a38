import torch

from peanut_models.nof_eraser.discriminator import SpectralConv3d, TPatchDiscriminator


def test_patches_are_judged_in_space_and_time():
    judged = TPatchDiscriminator()(torch.zeros(2, 5, 3, 60, 108))
    assert judged.shape == (2, 5, 128, 1, 2)


def test_the_kernel_is_divided_by_its_largest_singular_value():
    torch.manual_seed(0)
    conv = SpectralConv3d(3, 8, (1, 2, 2)).train()
    for _ in range(200):
        conv(torch.zeros(1, 3, 3, 5, 5))
    largest = torch.linalg.matrix_norm(conv.weight_orig.flatten(1), ord=2)
    estimate = conv.weight_u @ (conv.weight_orig.flatten(1) @ conv.weight_v)
    torch.testing.assert_close(estimate, largest, rtol=1e-3, atol=0)


def test_evaluation_leaves_the_power_iteration_alone():
    conv = SpectralConv3d(3, 8, (1, 2, 2)).eval()
    before = conv.weight_u.clone()
    conv(torch.zeros(1, 3, 3, 5, 5))
    assert torch.equal(conv.weight_u, before)


def test_gradients_survive_two_calls_in_training():
    network = TPatchDiscriminator().train()
    real, fake = (network(torch.rand(1, 3, 3, 60, 108)) for _ in range(2))
    (real.mean() - fake.mean()).backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
