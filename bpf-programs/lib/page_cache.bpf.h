/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The pages of files that the kernel holds in memory: what sendfile sends was never in user memory, but it is in here.
 *
 * A page is known by its `struct page`, and its bytes are at an address that follows from that one's linearly: both count
 * the same frames of memory. One page whose two addresses are known gives all others. The agent looks for one at
 * its start (locate_pages), with a file of its own: what it does not find, it does not read.
 */
#ifndef TCPTRACKER_PAGE_CACHE_BPF_H
#define TCPTRACKER_PAGE_CACHE_BPF_H

#include "compat.bpf.h"
#include "helpers.bpf.h"
#include "sock.bpf.h"
#include "xarray.bpf.h"

#define PAGE 4096

/* A page's two addresses; `known_page` is 0 until the agent has found one. */
__u64 known_page = 0;
__u64 known_address = 0;

/* What the agent has written at the start of the first two pages of its file. */
#define MARK_WORDS 8
__u64 page_marks[2 * MARK_WORDS] = {};

/* Of an array by number: enough for a file of 4 TiB. */
#define FILE_LEVELS 5

/* The folio (before 5.16: the first of the pages) that has a file's page `index`; 0 when it is not in memory. */
static __always_inline __u64 find_folio(struct address_space *mapping, __u64 index)
{
	if (!bpf_core_type_exists(struct xa_node))
		return 0;
	return (__u64)load_xarray(&mapping->i_pages, index, FILE_LEVELS);
}

static __always_inline struct address_space *mapping_of_folio(__u64 folio)
{
	if (bpf_core_type_exists(struct folio))
		return BPF_CORE_READ((struct folio *)folio, mapping);
	return BPF_CORE_READ((struct page *)folio, mapping);
}

static __always_inline __u64 index_of_folio(__u64 folio)
{
	if (bpf_core_type_exists(struct folio))
		return BPF_CORE_READ((struct folio *)folio, index);
	return BPF_CORE_READ((struct page *)folio, index);
}

/* The address of a page's bytes, where `page` and `address` belong together. */
static __always_inline __u64 address_of_page(__u64 folio, __u64 ahead, __u64 page, __u64 address)
{
	__u64 size = bpf_core_type_size(struct page);

	return address + (folio + ahead * size - page) * (PAGE / 64);
}

/* The arithmetic above is that of pages of 4 KiB that are described by 64 bytes each, as they mostly are. */
static __always_inline bool pages_are_usual(void)
{
	return bpf_core_type_size(struct page) == 64;
}

/* Whether what was read from the disk is in it: until then it has what its memory had before. */
static __always_inline bool is_uptodate(__u64 folio)
{
	__u64 flags = 0;

	if (!bpf_core_enum_value_exists(enum pageflags, PG_uptodate))
		return false;
	/* They come first in every kernel; their type has changed. */
	bpf_probe_read_kernel(&flags, sizeof(flags), (void *)folio);
	return flags >> bpf_core_enum_value(enum pageflags, PG_uptodate) & 1;
}

/* Copies from a file's page in memory; false when it was not there, or was given up meanwhile. */
static __always_inline bool copy_from_page(void *to, __u64 n, struct address_space *mapping, __u64 position)
{
	__u64 index = position / PAGE;
	__u64 folio = find_folio(mapping, index);
	__u64 first = index_of_folio(folio), address;

	if (!folio || first > index || !is_uptodate(folio))
		return false;
	address = address_of_page(folio, index - first, known_page, known_address) + position % PAGE;
	if (bpf_probe_read_kernel(to, n, (void *)address))
		return false;
	/* It may have become another file's page before it was read; then it is no longer in its place. */
	return mapping_of_folio(folio) == mapping && index_of_folio(folio) == first && find_folio(mapping, index) == folio;
}

static __always_inline bool is_in_page_cache(struct file *file)
{
	__u16 kind = BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT;

	return (kind == S_IFREG || kind == S_IFBLK) && !(BPF_CORE_READ(file, f_flags) & O_DIRECT);
}

/* Whether it is an open file with pages in memory and, where that is known, of this inode: what else may be there is none. */
static __always_inline bool is_file_of(struct file *file, struct inode *wanted)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct address_space *mapping = BPF_CORE_READ(file, f_mapping);

	return mapping && BPF_CORE_READ(inode, i_mapping) == mapping &&
	       (BPF_CORE_READ(inode, i_mode) & S_IFMT) == S_IFREG && (!wanted || inode == wanted);
}

/*
 * Overlayfs, of which the files of containers mostly are, has no pages itself: those of a file below are sent. Once the
 * file has been written to, that is the upper one, whichever was opened.
 */
static __always_inline struct file *file_below(struct file *file)
{
	struct {
		struct file *real;
		struct file *upper;
	} both = {};
	struct ovl_inode *overlay;
	struct inode *wanted;
	struct file *below;

	/* With overlayfs in a module that was loaded after the tap. */
	if (!bpf_core_type_exists(struct ovl_inode))
		return 0;
	overlay = (void *)BPF_CORE_READ(file, f_inode) - bpf_core_field_offset(struct ovl_inode, vfs_inode);
	wanted = BPF_CORE_READ(overlay, __upperdentry, d_inode);
	below = BPF_CORE_READ(file, private_data);
	/* From 6.13 on the private data are two files, before it was the file. */
	bpf_probe_read_kernel(&both, sizeof(both), below);
	if (is_file_of(both.real, wanted))
		return both.real;
	if (wanted && is_file_of(both.upper, wanted))
		return both.upper;
	return is_file_of(below, wanted) ? below : 0;
}

static __always_inline struct file *file_with_pages(struct file *file)
{
	if (BPF_CORE_READ(file, f_inode, i_sb, s_magic) != OVERLAYFS_SUPER_MAGIC)
		return file;
	return file_below(file);
}

/* The pages of an open file of the current task; NULL when it has none. */
static __always_inline struct address_space *pages_of_file(struct file *file)
{
	if (!file || !is_in_page_cache(file))
		return 0;
	file = file_with_pages(file);
	return file ? BPF_CORE_READ(file, f_mapping) : 0;
}

static __always_inline bool is_marked(__u64 address, const __u64 *mark)
{
	__u64 words[MARK_WORDS] = {}, differences = 0;

	bpf_probe_read_kernel(words, sizeof(words), (void *)address);
	for (int i = 0; i < MARK_WORDS; i++)
		differences |= words[i] ^ mark[i];
	return !differences;
}

#define GIB (1ULL << 30)

enum located {
	NOT_LOCATED = 0,
	LOCATED = 1,
	WITHOUT_PAGES = 2,	/* the file has none in memory, or this kernel's are not as they mostly are */
};

/* The places that one run looks at. */
#define PLACES 64

/*
 * Never attached: the agent runs it with BPF_PROG_TEST_RUN, until it says that it has found the bytes of the first page of its file
 * (`context[0]`, a descriptor). It looks at every GiB from the `context[1]`th (signed) on, counted from where the kernel's
 * own structures are: descriptors of pages and pages both begin at a multiple of a GiB, so the page's place within a GiB is known.
 */
SEC("raw_tp")
int locate_pages(__u64 *context)
{
	struct file *file = file_of_fd((struct task_struct *)bpf_get_current_task(), context[0], false);
	struct address_space *mapping = pages_of_file(file);
	__u64 first, second, place;

	if (!mapping || !pages_are_usual())
		return WITHOUT_PAGES;
	first = find_folio(mapping, 0);
	second = find_folio(mapping, 1);
	if (!first || !second)
		return WITHOUT_PAGES;
	/* Both may be in one folio. */
	second += (1 - index_of_folio(second)) * bpf_core_type_size(struct page);
	place = ((__u64)file & ~(GIB - 1)) + first * (PAGE / 64) % GIB + context[1] * GIB;
	for (int i = 0; i < PLACES; i++, place += GIB) {
		if (!is_marked(place, page_marks) ||
		    !is_marked(address_of_page(second, 0, first, place), page_marks + MARK_WORDS))
			continue;
		known_address = place;
		known_page = first;
		return LOCATED;
	}
	return NOT_LOCATED;
}

#endif
