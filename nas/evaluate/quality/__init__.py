"""Quality of a network: photographs, recipes, training and the challenge's PSNR and SSIM."""
