// SPDX-License-Identifier: GPL-2.0
/*
 * An emulated SSD1307 display controller, and the I2C bus that it is on.
 *
 * The driver for it, ssd1307fb, runs unchanged: the emulation begins where the
 * bytes leave for the wire. It decodes commands and data as the data sheet says
 * and keeps the display RAM, which user space can read as a picture. So the
 * framebuffer driver and the layers below it can be tested end to end: what a
 * program draws has to come out as pixels.
 *
 * In the debugfs directory ssd1307_i2c_mock:
 *
 *  create   write "NAME [PROPERTY[=NUMBER] ...]", for instance
 *           "ssd1306fb width=128 height=64 page-offset=0 com-invdir": a display
 *           appears on the bus. NAME is what the driver's table of I2C names
 *           has, properties are those of the device tree binding, less the
 *           vendor. Fails with ENODEV if no driver takes it.
 *  delete   write anything: the display is gone
 *  device   name of the device on the I2C bus
 *  picture  what the RAM holds for the visible part, as a plain PBM file
 *  state    registers and counters, a word and a number on each line
 *  sending  1 while a transfer that slow_ms makes slow is under way, else 0
 *  nack     countdown of transfers: the one that makes it zero is refused
 *  slow_ms  how long a transfer of data takes
 *
 * The last two are settings of the bus. They can be made before there is a
 * display, so that its very first transfer fails, and are reset when it goes.
 *
 * There is one display at a time. It powers up with noise in its RAM.
 */

#include <linux/cleanup.h>
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/fwnode.h>
#include <linux/i2c.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/property.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#define SSD1307_MOCK_NAME	"ssd1307_i2c_mock"
#define SSD1307_MOCK_ADDR	0x3c

/*
 * Columns, and pages of eight rows. The real ones have 128 x 8 at most. With
 * all that a byte can address, a framebuffer can be larger than a page of memory.
 */
#define SSD1307_MOCK_COLS	256
#define SSD1307_MOCK_PAGES	32
#define SSD1307_MOCK_NOISE	0xa5

#define SSD1307_MOCK_MAX_LINE	256
#define SSD1307_MOCK_MAX_PROPS	16

/* Control byte, in front of each byte or of all that follow */
#define SSD1307_CONTROL_SINGLE	0x80
#define SSD1307_CONTROL_DATA	0x40

enum ssd1307_mock_mode {
	SSD1307_MODE_HORIZONTAL,
	SSD1307_MODE_VERTICAL,
	SSD1307_MODE_PAGE,
};

struct ssd1307_mock {
	struct i2c_adapter adapter;
	struct dentry *dir;

	struct mutex device_lock; /* protects the fields below */
	struct i2c_client *client;
	struct fwnode_handle fwnode;
	struct software_node swnode;
	struct property_entry props[SSD1307_MOCK_MAX_PROPS + 1];
	char prop_names[SSD1307_MOCK_MAX_PROPS][32];

	struct mutex lock; /* protects the fields below; nests in the driver's locks */
	/* visible part of the RAM */
	u32 width;
	u32 height;
	u32 page_offset;
	u32 col_offset;

	/* command whose arguments are not complete */
	u8 cmd;
	u8 args[4];
	unsigned int nargs;
	unsigned int args_left;

	bool on;
	u8 contrast;
	u8 mode;
	u8 col, col_start, col_end;
	u8 page, page_start, page_end;
	u8 ram[SSD1307_MOCK_PAGES][SSD1307_MOCK_COLS];

	u64 transfers;	/* data transfers that have ended */
	u64 data;	/* bytes of data */
	u64 stray;	/* of these, bytes outside of the visible part */
	u64 errors;	/* what no controller would understand */
	u32 nack;
	u32 slow_ms;
	u32 sending;	/* 1 while a slow transfer is under way; read without the lock */
};

static struct ssd1307_mock *ssd1307_mock;

/*
 * Controller
 */

static void ssd1307_mock_power_up(struct ssd1307_mock *mock)
{
	mock->args_left = 0;
	mock->on = false;
	mock->contrast = 0x7f;
	mock->mode = SSD1307_MODE_PAGE;
	mock->col = 0;
	mock->col_start = 0;
	mock->col_end = SSD1307_MOCK_COLS - 1;
	mock->page = 0;
	mock->page_start = 0;
	mock->page_end = SSD1307_MOCK_PAGES - 1;
	memset(mock->ram, SSD1307_MOCK_NOISE, sizeof(mock->ram));
	mock->transfers = 0;
	mock->data = 0;
	mock->stray = 0;
	mock->errors = 0;
}

/* Number of argument bytes, or negative if there is no such command. */
static int ssd1307_mock_nargs(u8 cmd)
{
	switch (cmd) {
	case 0x00 ... 0x1f:	/* column, page mode */
	case 0x40 ... 0x7f:	/* start line */
	case 0xa0 ... 0xa1:	/* segment remap */
	case 0xa4 ... 0xa7:	/* entire display on, inverse */
	case 0xae ... 0xaf:	/* display off, on */
	case 0xb0 ... 0xb7:	/* page, page mode */
	case 0xc0 ... 0xcf:	/* COM direction, bit 3 */
	case 0xe3:		/* no operation */
		return 0;
	case 0x20:		/* addressing mode */
	case 0x81:		/* contrast */
	case 0x8d:		/* charge pump */
	case 0xa8:		/* multiplex ratio */
	case 0xd3:		/* display offset */
	case 0xd5:		/* clock */
	case 0xd8:		/* area color mode */
	case 0xd9:		/* precharge period */
	case 0xda:		/* COM pins */
	case 0xdb:		/* VCOMH */
		return 1;
	case 0x21:		/* column range */
	case 0x22:		/* page range */
		return 2;
	case 0x91:		/* lookup table */
		return 4;
	default:
		return -EINVAL;
	}
}

/* What has an effect on the picture. The rest is about wiring and voltages. */
static void ssd1307_mock_execute(struct ssd1307_mock *mock)
{
	const u8 *args = mock->args;

	switch (mock->cmd) {
	case 0x00 ... 0x0f:
		mock->col = (mock->col & 0xf0) | (mock->cmd & 0x0f);
		break;
	case 0x10 ... 0x1f:
		mock->col = (mock->cmd & 0x0f) << 4 | (mock->col & 0x0f);
		break;
	case 0x20:
		if (args[0] > SSD1307_MODE_PAGE)
			mock->errors++;
		else
			mock->mode = args[0];
		break;
	case 0x21:
		if (args[1] < args[0])
			mock->errors++;
		mock->col_start = args[0];
		mock->col_end = args[1];
		mock->col = args[0];
		break;
	case 0x22:
		if (args[1] < args[0] || args[1] >= SSD1307_MOCK_PAGES) {
			mock->errors++;
			break;
		}
		mock->page_start = args[0];
		mock->page_end = args[1];
		mock->page = args[0];
		break;
	case 0x81:
		mock->contrast = args[0];
		break;
	case 0xae:
	case 0xaf:
		mock->on = mock->cmd & 1;
		break;
	case 0xb0 ... 0xb7:
		mock->page = mock->cmd & 0x07;
		break;
	}
}

static void ssd1307_mock_command(struct ssd1307_mock *mock, u8 byte)
{
	int nargs;

	if (mock->args_left) {
		mock->args[mock->nargs++] = byte;
		mock->args_left--;
	} else {
		nargs = ssd1307_mock_nargs(byte);
		if (nargs < 0) {
			mock->errors++;
			return;
		}
		mock->cmd = byte;
		mock->nargs = 0;
		mock->args_left = nargs;
	}

	if (!mock->args_left)
		ssd1307_mock_execute(mock);
}

static void ssd1307_mock_next_page(struct ssd1307_mock *mock)
{
	if (mock->page == mock->page_end || mock->page == SSD1307_MOCK_PAGES - 1)
		mock->page = mock->page_start;
	else
		mock->page++;
}

static void ssd1307_mock_data(struct ssd1307_mock *mock, u8 byte)
{
	u32 page = mock->page - mock->page_offset, col = mock->col - mock->col_offset;

	mock->ram[mock->page][mock->col] = byte;
	mock->data++;
	if (page >= DIV_ROUND_UP(mock->height, 8) || col >= mock->width)
		mock->stray++;

	switch (mock->mode) {
	case SSD1307_MODE_HORIZONTAL:
		if (mock->col != mock->col_end) {
			mock->col++;
		} else {
			mock->col = mock->col_start;
			ssd1307_mock_next_page(mock);
		}
		break;
	case SSD1307_MODE_VERTICAL:
		if (mock->page == mock->page_end)
			mock->col = mock->col == mock->col_end ? mock->col_start : mock->col + 1;
		ssd1307_mock_next_page(mock);
		break;
	case SSD1307_MODE_PAGE:
		mock->col++; /* wraps around */
		break;
	}
}

static void ssd1307_mock_receive(struct ssd1307_mock *mock, const struct i2c_msg *msg)
{
	bool is_data = false;
	u16 i = 0;

	while (i < msg->len) {
		u8 control = msg->buf[i++];
		u16 end = control & SSD1307_CONTROL_SINGLE ? i + 1 : msg->len;

		if (control & ~(SSD1307_CONTROL_SINGLE | SSD1307_CONTROL_DATA) || end > msg->len) {
			mock->errors++;
			return;
		}
		for (; i < end; i++) {
			if (control & SSD1307_CONTROL_DATA)
				ssd1307_mock_data(mock, msg->buf[i]);
			else
				ssd1307_mock_command(mock, msg->buf[i]);
		}
		is_data |= control & SSD1307_CONTROL_DATA;
	}

	if (is_data) {
		if (mock->slow_ms) {
			WRITE_ONCE(mock->sending, 1);
			msleep(mock->slow_ms);
			WRITE_ONCE(mock->sending, 0);
		}
		mock->transfers++;
	}
}

/*
 * Bus
 */

static int ssd1307_mock_xfer(struct i2c_adapter *adapter, struct i2c_msg *msgs, int num)
{
	struct ssd1307_mock *mock = i2c_get_adapdata(adapter);
	int i;

	guard(mutex)(&mock->lock);

	for (i = 0; i < num; i++) {
		/* The controller cannot be read by I2C. */
		if (msgs[i].addr != SSD1307_MOCK_ADDR || msgs[i].flags & I2C_M_RD)
			return -ENXIO;
		if (mock->nack && !--mock->nack) {
			/* For lack of a reset line, which probe would pull first. */
			mock->args_left = 0;
			return -ENXIO;
		}
		ssd1307_mock_receive(mock, &msgs[i]);
	}

	return num;
}

static u32 ssd1307_mock_functionality(struct i2c_adapter *adapter)
{
	return I2C_FUNC_I2C;
}

static const struct i2c_algorithm ssd1307_mock_algorithm = {
	.xfer		= ssd1307_mock_xfer,
	.functionality	= ssd1307_mock_functionality,
};

/*
 * Device
 *
 * The driver asks the firmware for the properties, and for what its table of
 * compatible strings has for the device. A software node answers the former, as
 * the secondary node of the one below, which answers the latter.
 */

static const void *ssd1307_mock_get_match_data(const struct fwnode_handle *fwnode,
					       const struct device *dev)
{
	const struct of_device_id *id = dev->driver->of_match_table;
	char compatible[sizeof(id->compatible)];

	snprintf(compatible, sizeof(compatible), "solomon,%s-i2c", to_i2c_client(dev)->name);
	for (; id && id->compatible[0]; id++) {
		if (!strcmp(id->compatible, compatible))
			return id->data;
	}

	return NULL;
}

/* This error makes callers turn to the secondary node. */
static int ssd1307_mock_read_int_array(const struct fwnode_handle *fwnode,
				       const char *propname, unsigned int elem_size,
				       void *val, size_t nval)
{
	return -EINVAL;
}

static const struct fwnode_operations ssd1307_mock_fwnode_ops = {
	.device_get_match_data	 = ssd1307_mock_get_match_data,
	.property_read_int_array = ssd1307_mock_read_int_array,
};

static int ssd1307_mock_parse_property(struct ssd1307_mock *mock, unsigned int index,
				       char *word)
{
	char *key = strsep(&word, "=");
	char *name;
	u32 value;

	if (index == SSD1307_MOCK_MAX_PROPS)
		return -E2BIG;
	name = mock->prop_names[index];
	if (snprintf(name, sizeof(mock->prop_names[index]), "solomon,%s", key) >=
	    sizeof(mock->prop_names[index]))
		return -EINVAL;

	if (!word) {
		mock->props[index] = PROPERTY_ENTRY_BOOL(name);
		return 0;
	}
	if (kstrtou32(word, 0, &value))
		return -EINVAL;
	mock->props[index] = PROPERTY_ENTRY_U32(name, value);

	/* What the binding has as the defaults is set already. */
	if (!strcmp(key, "width"))
		mock->width = value;
	else if (!strcmp(key, "height"))
		mock->height = value;
	else if (!strcmp(key, "page-offset"))
		mock->page_offset = value;
	else if (!strcmp(key, "col-offset"))
		mock->col_offset = value;

	return 0;
}

static int ssd1307_mock_parse(struct ssd1307_mock *mock, struct i2c_board_info *board, char *line)
{
	unsigned int index = 0;
	char *word;
	int ret;

	memset(mock->props, 0, sizeof(mock->props));
	mock->width = 96;
	mock->height = 16;
	mock->page_offset = 1;
	mock->col_offset = 0;

	line = strim(line);
	word = strsep(&line, " ");
	if (!*word || strscpy(board->type, word) < 0)
		return -EINVAL;

	while ((word = strsep(&line, " "))) {
		if (!*word)
			continue;
		ret = ssd1307_mock_parse_property(mock, index++, word);
		if (ret)
			return ret;
	}

	if (!mock->width || mock->width > SSD1307_MOCK_COLS ||
	    mock->col_offset > SSD1307_MOCK_COLS - mock->width ||
	    !mock->height || mock->height > SSD1307_MOCK_PAGES * 8 ||
	    mock->page_offset > SSD1307_MOCK_PAGES - DIV_ROUND_UP(mock->height, 8))
		return -EINVAL;

	return 0;
}

static int ssd1307_mock_create(struct ssd1307_mock *mock, char *line)
{
	struct i2c_board_info board = { .addr = SSD1307_MOCK_ADDR };
	struct i2c_client *client;
	int ret;

	guard(mutex)(&mock->device_lock);

	if (mock->client)
		return -EBUSY;

	scoped_guard(mutex, &mock->lock) {
		ret = ssd1307_mock_parse(mock, &board, line);
		if (ret)
			return ret;
		ssd1307_mock_power_up(mock);
	}

	fwnode_init(&mock->fwnode, &ssd1307_mock_fwnode_ops);
	mock->swnode = (struct software_node){ .properties = mock->props };
	board.fwnode = &mock->fwnode;
	board.swnode = &mock->swnode;

	client = i2c_new_client_device(&mock->adapter, &board);
	if (IS_ERR(client))
		return PTR_ERR(client);
	if (!i2c_client_has_driver(client)) {
		i2c_unregister_device(client);
		return -ENODEV;
	}
	mock->client = client;

	return 0;
}

static void ssd1307_mock_delete(struct ssd1307_mock *mock)
{
	guard(mutex)(&mock->device_lock);

	i2c_unregister_device(mock->client);
	mock->client = NULL;

	guard(mutex)(&mock->lock);
	mock->nack = 0;
	mock->slow_ms = 0;
}

/*
 * debugfs
 */

static ssize_t create_write(struct file *file, const char __user *buf, size_t len, loff_t *ppos)
{
	char *line;
	int ret;

	if (len > SSD1307_MOCK_MAX_LINE)
		return -EINVAL;
	line = memdup_user_nul(buf, len);
	if (IS_ERR(line))
		return PTR_ERR(line);

	ret = ssd1307_mock_create(file->private_data, line);
	kfree(line);

	return ret ?: len;
}

static const struct file_operations create_fops = {
	.owner	= THIS_MODULE,
	.open	= simple_open,
	.write	= create_write,
};

static ssize_t delete_write(struct file *file, const char __user *buf, size_t len, loff_t *ppos)
{
	ssd1307_mock_delete(file->private_data);

	return len;
}

static const struct file_operations delete_fops = {
	.owner	= THIS_MODULE,
	.open	= simple_open,
	.write	= delete_write,
};

static int device_show(struct seq_file *s, void *unused)
{
	struct ssd1307_mock *mock = s->private;

	guard(mutex)(&mock->device_lock);
	if (!mock->client)
		return -ENODEV;
	seq_printf(s, "%s\n", dev_name(&mock->client->dev));

	return 0;
}
DEFINE_SHOW_ATTRIBUTE(device);

static int picture_show(struct seq_file *s, void *unused)
{
	struct ssd1307_mock *mock = s->private;
	u32 x, y;

	guard(mutex)(&mock->lock);
	seq_printf(s, "P1\n%u %u\n", mock->width, mock->height);
	for (y = 0; y < mock->height; y++) {
		const u8 *row = mock->ram[mock->page_offset + y / 8] + mock->col_offset;

		for (x = 0; x < mock->width; x++)
			seq_putc(s, row[x] & BIT(y % 8) ? '1' : '0');
		seq_putc(s, '\n');
	}

	return 0;
}
DEFINE_SHOW_ATTRIBUTE(picture);

static int state_show(struct seq_file *s, void *unused)
{
	struct ssd1307_mock *mock = s->private;

	guard(mutex)(&mock->lock);
	seq_printf(s, "on %u\n", mock->on);
	seq_printf(s, "contrast %u\n", mock->contrast);
	seq_printf(s, "transfers %llu\n", mock->transfers);
	seq_printf(s, "data %llu\n", mock->data);
	seq_printf(s, "stray %llu\n", mock->stray);
	seq_printf(s, "errors %llu\n", mock->errors);

	return 0;
}
DEFINE_SHOW_ATTRIBUTE(state);

/*
 * Module
 */

static int __init ssd1307_mock_init(void)
{
	struct ssd1307_mock *mock;
	int ret;

	mock = kzalloc(sizeof(*mock), GFP_KERNEL);
	if (!mock)
		return -ENOMEM;
	mutex_init(&mock->device_lock);
	mutex_init(&mock->lock);

	mock->adapter.owner = THIS_MODULE;
	mock->adapter.algo = &ssd1307_mock_algorithm;
	strscpy(mock->adapter.name, SSD1307_MOCK_NAME, sizeof(mock->adapter.name));
	i2c_set_adapdata(&mock->adapter, mock);
	ret = i2c_add_adapter(&mock->adapter);
	if (ret) {
		kfree(mock);
		return ret;
	}

	mock->dir = debugfs_create_dir(SSD1307_MOCK_NAME, NULL);
	debugfs_create_file("create", 0200, mock->dir, mock, &create_fops);
	debugfs_create_file("delete", 0200, mock->dir, mock, &delete_fops);
	debugfs_create_file("device", 0400, mock->dir, mock, &device_fops);
	debugfs_create_file("picture", 0400, mock->dir, mock, &picture_fops);
	debugfs_create_file("state", 0400, mock->dir, mock, &state_fops);
	debugfs_create_u32("nack", 0600, mock->dir, &mock->nack);
	debugfs_create_u32("slow_ms", 0600, mock->dir, &mock->slow_ms);
	debugfs_create_u32("sending", 0400, mock->dir, &mock->sending);
	ssd1307_mock = mock;

	return 0;
}
module_init(ssd1307_mock_init);

static void __exit ssd1307_mock_exit(void)
{
	struct ssd1307_mock *mock = ssd1307_mock;

	debugfs_remove(mock->dir);
	ssd1307_mock_delete(mock);
	i2c_del_adapter(&mock->adapter);
	kfree(mock);
}
module_exit(ssd1307_mock_exit);

MODULE_DESCRIPTION("Emulated SSD1307 display controller");
MODULE_LICENSE("GPL");
