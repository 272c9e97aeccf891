// SPDX-License-Identifier: GPL-2.0
/* Linear memory without FBINFO_KMEMFB, on various ways to screen_buffer. */

static int cast_probe(struct i2c_client *client)
{
	struct fb_info *info = framebuffer_alloc(sizeof(struct cast_par), &client->dev);
	struct cast_par *par = info->par;
	void *vmem;

	par->cmd = kzalloc(CMD_SIZE, GFP_KERNEL);
	vmem = (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO, get_order(VMEM_SIZE)); /* bad */
	if (!par->cmd || !vmem)
		return -ENOMEM;

	info->fbdefio = &cast_defio;
	info->screen_buffer = vmem;
	info->fix.smem_start = __pa(vmem);
	info->fix.smem_len = VMEM_SIZE;

	return fb_deferred_io_init(info);
}

/* By the return value of a function, as a physical address. */
static phys_addr_t helper_get_phymem(unsigned int size)
{
	struct page *page;
	phys_addr_t paddr = 0;

	page = alloc_pages(GFP_KERNEL | __GFP_ZERO, get_order(size)); /* bad */
	if (!page)
		return -1;
	paddr = (page_to_pfn(page) << PAGE_SHIFT);

	return paddr;
}

static int helper_getmem(struct helper_par *par, struct fb_info *info)
{
	phys_addr_t paddr = helper_get_phymem(VMEM_SIZE);

	par->log = kvzalloc(VMEM_SIZE, GFP_KERNEL);
	par->mmio = par->dio = __va(paddr);
	info->screen_base = par->mmio;

	return 0;
}

static int helper_probe(struct platform_device *pdev)
{
	struct fb_info *info = framebuffer_alloc(sizeof(struct helper_par), &pdev->dev);
	int ret;

	ret = helper_getmem(info->par, info);
	if (ret)
		return ret;
	ret = fb_deferred_io_init(info);

	return ret;
}

static void *helper_alloc(size_t size)
{
	return kvzalloc(size, GFP_KERNEL); /* bad */
}

static int direct_probe(struct platform_device *pdev)
{
	struct fb_info *info = framebuffer_alloc(0, &pdev->dev);

	info->screen_buffer = helper_alloc(VMEM_SIZE);

	return fb_deferred_io_init(info);
}

/* By a parameter; the caller has the struct fb_info under another name. */
static void param_init_screen(struct fb_info *info, u8 *buffer, u32 len)
{
	info->screen_buffer = buffer;
	info->fix.smem_len = len;
}

static int param_probe(struct spi_device *spi)
{
	struct param_par *par = devm_kzalloc(&spi->dev, sizeof(*par), GFP_KERNEL);
	struct page *page;

	par->fb = framebuffer_alloc(0, &spi->dev);
	page = dma_alloc_pages(&spi->dev, VMEM_SIZE, &par->dma, DMA_TO_DEVICE, GFP_KERNEL); /* bad */
	param_init_screen(par->fb, page ? page_address(page) : NULL, VMEM_SIZE);

	return fb_deferred_io_init(par->fb);
}

/* Asking for the flag is not setting it. */
static int folio_probe(struct spi_device *spi)
{
	struct fb_info *info = framebuffer_alloc(0, &spi->dev);
	struct folio *folio = folio_alloc(GFP_KERNEL | __GFP_ZERO, ORDER); /* bad */

	info->screen_buffer = folio_address(folio);
	if (info->flags & FBINFO_KMEMFB)
		return -EINVAL;

	return fb_deferred_io_init(info);
}

static int dma_zone_probe(struct spi_device *spi)
{
	struct fb_info *info = framebuffer_alloc(0, &spi->dev);

	info->screen_buffer = (void *)__get_dma_pages(GFP_KERNEL | __GFP_ZERO, ORDER); /* bad */

	return fb_deferred_io_init(info);
}

/* Deferred I/O starts in a callback, which can be that of any device. */
static int late_open(struct fb_info *info, int user)
{
	return info->fbdefio ? 0 : fb_deferred_io_init(info);
}

static int late_probe(struct usb_interface *intf)
{
	struct fb_info *info = framebuffer_alloc(0, &intf->dev);

	info->screen_buffer = kmalloc_array(YRES, PITCH, GFP_KERNEL); /* bad */

	return register_framebuffer(info);
}
