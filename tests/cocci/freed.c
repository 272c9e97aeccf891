// SPDX-License-Identifier: GPL-2.0
/* FBINFO_KMEMFB as it should be, but the memory goes when the driver is unbound. */

static int start(struct fb_info *info, struct foo_par *par, void *vmem)
{
	par->vmem = vmem;
	info->flags |= FBINFO_VIRTFB | FBINFO_KMEMFB;
	info->screen_buffer = par->vmem;
	info->fix.smem_start = virt_to_phys(vmem);

	return fb_deferred_io_init(info);
}

static int foo_probe(struct i2c_client *client)
{
	struct fb_info *info = framebuffer_alloc(sizeof(struct foo_par), &client->dev);
	void *vmem = (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO, ORDER);
	int ret;

	ret = start(info, info->par, vmem);
	if (ret)
		free_pages((unsigned long)vmem, ORDER);

	return ret;
}

static void foo_remove(struct i2c_client *client)
{
	struct fb_info *info = i2c_get_clientdata(client);

	unregister_framebuffer(info);
	fb_deferred_io_cleanup(info);
	__free_pages(virt_to_page(__va(info->fix.smem_start)), ORDER); /* bad */
	framebuffer_release(info);
}

static struct i2c_driver foo_driver = {
	.probe	= foo_probe,
	.remove	= foo_remove,
	.driver	= { .name = "foo", },
};

/* In a function that remove calls, and not only remove. */
static void bar_putmem(struct foo_par *par)
{
	kfree(par->commands);
	dma_free_pages(par->dev, SIZE, virt_to_page(par->vmem), par->dma, DMA_TO_DEVICE); /* bad */
}

static int bar_probe(struct usb_interface *intf, const struct usb_device_id *id)
{
	struct fb_info *info = framebuffer_alloc(sizeof(struct foo_par), &intf->dev);
	struct foo_par *par = info->par;
	struct page *page = dma_alloc_pages(&intf->dev, SIZE, &par->dma, DMA_TO_DEVICE, GFP_KERNEL);
	int ret;

	ret = start(info, par, page_address(page));
	if (ret)
		bar_putmem(par);

	return ret;
}

static void bar_disconnect(struct usb_interface *intf)
{
	struct foo_par *par = usb_get_intfdata(intf);

	unregister_framebuffer(par->info);
	fb_deferred_io_cleanup(par->info);
	bar_putmem(par);
}

static struct usb_driver bar_driver = {
	.name		= "bar",
	.probe		= bar_probe,
	.disconnect	= bar_disconnect,
};

/* By devres, which runs after remove. */
static void baz_free(void *vmem)
{
	kfree(vmem); /* bad */
}

static int baz_probe(struct platform_device *pdev)
{
	struct fb_info *info = framebuffer_alloc(sizeof(struct foo_par), &pdev->dev);
	void *vmem = kzalloc(SIZE, GFP_KERNEL);
	int ret;

	ret = devm_add_action_or_reset(&pdev->dev, baz_free, vmem);
	if (ret)
		return ret;

	return start(info, info->par, vmem);
}

static int qux_probe(struct platform_device *pdev)
{
	struct fb_info *info = framebuffer_alloc(sizeof(struct foo_par), &pdev->dev);
	u32 *palette = devm_kcalloc(&pdev->dev, 16, sizeof(*palette), GFP_KERNEL);
	unsigned long vmem;

	info->pseudo_palette = palette;
	vmem = devm_get_free_pages(&pdev->dev, GFP_KERNEL, ORDER); /* bad */

	return start(info, info->par, (void *)vmem);
}

/* Other names for the end of a driver. */
static void old_remove(struct platform_device *pdev)
{
	struct foo_par *par = platform_get_drvdata(pdev);

	free_pages((unsigned long)par->vmem, ORDER); /* bad */
}

static struct platform_driver old_driver = {
	.remove_new	= old_remove,
};

static void part_unbind(struct device *dev, struct device *master, void *data)
{
	struct foo_par *par = dev_get_drvdata(dev);

	kvfree(par->vmem); /* bad */
}

static const struct component_ops part_ops = {
	.unbind	= part_unbind,
};

static void quux_free(void *vmem)
{
	free_pages_exact(vmem, SIZE); /* bad */
}

static int quux_probe(struct platform_device *pdev)
{
	struct fb_info *info = framebuffer_alloc(sizeof(struct foo_par), &pdev->dev);
	void *vmem = alloc_pages_exact(SIZE, GFP_KERNEL);

	if (devm_add_action(&pdev->dev, quux_free, vmem))
		return -ENOMEM;

	return start(info, info->par, vmem);
}
