// SPDX-License-Identifier: GPL-2.0
/*
 * The virtual address in smem_start, and the memory known by that number only.
 * A platform device, the only one, in global variables.
 */

static struct fb_info *vlcd_info;

static struct fb_deferred_io vlcd_defio = {
	.delay		= HZ / 4,
	.deferred_io	= vlcd_deferred_io,
};

static int vlcd_probe(struct platform_device *pdev)
{
	unsigned long vmem;
	int ret;

	vlcd_info = framebuffer_alloc(sizeof(struct vlcd_par), &pdev->dev);
	if (!vlcd_info)
		return -ENOMEM;

	vmem = __get_free_pages(GFP_KERNEL, VLCD_ORDER); /* bad */
	if (!vmem) {
		framebuffer_release(vlcd_info);
		return -ENOMEM;
	}
	memset((void *)vmem, 0, VLCD_SIZE);

	vlcd_info->fix.smem_start = vmem;
	vlcd_info->fix.smem_len = VLCD_SIZE;
	vlcd_info->screen_base = (char __iomem *)vlcd_info->fix.smem_start;
	vlcd_info->fbdefio = &vlcd_defio;
	ret = fb_deferred_io_init(vlcd_info);
	if (ret)
		goto err;

	return register_framebuffer(vlcd_info);

err:
	free_pages(vmem, VLCD_ORDER);
	framebuffer_release(vlcd_info);
	return ret;
}

static void vlcd_remove(struct platform_device *pdev)
{
	fb_deferred_io_cleanup(vlcd_info);
	unregister_framebuffer(vlcd_info);
	free_pages(vlcd_info->fix.smem_start, VLCD_ORDER); /* bad */
	framebuffer_release(vlcd_info);
}

static struct platform_driver vlcd_driver = {
	.probe	= vlcd_probe,
	.remove	= vlcd_remove,
	.driver	= { .name = "vlcd" },
};
