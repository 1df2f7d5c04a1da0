"""Picture quality beside leakage: SSIM, PSNR, FID, CSIM, LMD, mouth opening."""
