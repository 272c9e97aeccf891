// SPDX-License-Identifier: GPL-2.0
/*
 * A memory LCD on SPI: a block of pages, its physical address in smem_start,
 * init as if it could not fail, and everything freed in remove.
 */

static struct fb_ops mlcd_ops = {
	.owner		= THIS_MODULE,
	.fb_read	= fb_sys_read,
	.fb_write	= mlcd_write,
	.fb_mmap	= fb_deferred_io_mmap,
};

static int mlcd_probe(struct spi_device *spi)
{
	struct fb_deferred_io *defio;
	struct mlcd_par *par;
	struct fb_info *info;
	u32 len;
	u8 *vmem;
	int ret;

	info = framebuffer_alloc(sizeof(*par), &spi->dev);
	if (!info)
		return -ENOMEM;
	par = info->par;
	par->info = info;
	par->spi = spi;

	len = DIV_ROUND_UP(par->width, 8) * par->height;
	vmem = (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO, get_order(len)); /* bad */
	if (!vmem) {
		ret = -ENOMEM;
		goto err_info;
	}
	defio = devm_kzalloc(&spi->dev, sizeof(*defio), GFP_KERNEL);
	if (!defio) {
		ret = -ENOMEM;
		goto err_vmem;
	}

	defio->delay = HZ / 10;
	defio->deferred_io = mlcd_deferred_io;
	info->fbops = &mlcd_ops;
	info->screen_base = (u8 __force __iomem *)vmem;
	info->fix.smem_start = __pa(vmem);
	info->fix.smem_len = len;
	info->fbdefio = defio;
	fb_deferred_io_init(info); /* bad */

	spi_set_drvdata(spi, par);
	ret = register_framebuffer(info);
	if (ret)
		goto err_defio;

	return 0;

err_defio:
	fb_deferred_io_cleanup(info);
err_vmem:
	free_pages((unsigned long)vmem, get_order(len));
err_info:
	framebuffer_release(info);
	return ret;
}

static int mlcd_remove(struct spi_device *spi)
{
	struct mlcd_par *par = spi_get_drvdata(spi);
	struct fb_info *info = par->info;

	unregister_framebuffer(info);
	fb_deferred_io_cleanup(info);
	__free_pages(__va(info->fix.smem_start), get_order(info->fix.smem_len)); /* bad */
	framebuffer_release(info);

	return 0;
}

static struct spi_driver mlcd_driver = {
	.probe	= mlcd_probe,
	.remove	= mlcd_remove,
	.driver	= { .name = "mlcd" },
};
