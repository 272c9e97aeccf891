// SPDX-License-Identifier: GPL-2.0
/* A driver without deferred I/O is none of the rule's business. */

static int foo_probe(struct platform_device *pdev)
{
	struct fb_info *info = framebuffer_alloc(0, &pdev->dev);

	info->screen_buffer = dmam_alloc_coherent(&pdev->dev, SIZE, &info->fix.smem_start, GFP_KERNEL);

	return register_framebuffer(info);
}
