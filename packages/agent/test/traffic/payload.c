/* SPDX-License-Identifier: Apache-2.0 */
/* The deterministic payload, its checksum, and files that hold it. expected.ts says the same in TypeScript. */
#define _GNU_SOURCE
#include "traffic.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * Byte i of the stream with a seed is byte (i mod 4), lowest first, of mix(seed * 0x9E3779B9 + i / 4), in 32-bit
 * arithmetic, where mix is the finalizer of MurmurHash3. Any range can be had without the bytes before it.
 */
static uint32_t mix(uint32_t x)
{
	x ^= x >> 16;
	x *= 0x85ebca6bu;
	x ^= x >> 13;
	x *= 0xc2b2ae35u;
	return x ^ (x >> 16);
}

void payload_fill(uint32_t seed, size_t offset, uint8_t *out, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		size_t at = offset + i;
		uint32_t word = mix(seed * 0x9E3779B9u + (uint32_t)(at / 4));
		out[i] = (uint8_t)(word >> (8 * (at % 4)));
	}
}

/* CRC-32 as zlib has it; start with 0. */
uint32_t crc32_update(uint32_t crc, const uint8_t *data, size_t size)
{
	crc = ~crc;
	for (size_t i = 0; i < size; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (0xedb88320u & -(crc & 1));
	}
	return ~crc;
}

/* A nameless file with these bytes. pwrite is not in the tap's table, so that filling it is no traffic. */
int temporary_file(const uint8_t *data, size_t size)
{
	const char *directory = getenv("TMPDIR");
	int fd = open(directory ? directory : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0) {
		char name[] = "/tmp/traffic-XXXXXX"; /* a file system without O_TMPFILE */
		fd = mkostemp(name, O_CLOEXEC);
		if (fd < 0)
			die_errno("temporary file");
		unlink(name);
	}
	for (size_t done = 0; done < size;) {
		ssize_t count = pwrite(fd, data + done, size - done, (off_t)done);
		if (count <= 0)
			die_errno("pwrite to the temporary file");
		done += (size_t)count;
	}
	return fd;
}
