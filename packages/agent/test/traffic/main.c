/* SPDX-License-Identifier: Apache-2.0 */
/* The command line and the table of modes. */
#define _GNU_SOURCE
#include "traffic.h"

#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct options options = {
	.mode = "pair",
	.family = FAMILY_4,
	.send = CALL_WRITE,
	.receive = CALL_READ,
	.accept = CALL_ACCEPT4,
	.size = 65536,
	.call_size = MAX_SIZE,
	.segments = 1,
	.messages = 3,
	.seed = 1,
	.connections = 1000,
	.parallel = 4,
	.timeout = 30,
};

struct shared *shared;

const struct mode modes[] = {
	{ "pair", talk_client, talk_server, NULL },
	{ "dup", talk_client, talk_server, NULL },
	{ "midstream", talk_client, talk_server, NULL },
	{ "sendfile", talk_client, talk_server, NULL },
	{ "splice", talk_client, talk_server, NULL },
	{ "fork", NULL, NULL, run_inherited },
	{ "scm_rights", NULL, NULL, run_passed },
	{ "blocked", blocked_client, blocked_server, NULL },
	{ "partial", partial_client, partial_server, NULL },
	{ "peek", talk_client, peek_server, NULL },
	{ "trunc", talk_client, trunc_server, NULL },
	{ "waitall", waitall_client, waitall_server, NULL },
	{ "urgent", urgent_client, urgent_server, NULL },
	{ "errors", errors_client, errors_server, NULL },
	{ "shutdown", half_close_client, half_close_server, NULL },
	{ "unread", unread_client, unread_server, NULL },
	{ "threads", threads_client, threads_server, NULL },
	{ "other", NULL, NULL, run_other },
	{ "churn", NULL, NULL, run_churn },
	{ NULL, NULL, NULL, NULL },
};

static const char help[] =
	"usage: traffic [options]\n"
	"  --mode MODE          pair (default), fork, scm_rights, dup, midstream, blocked, partial, peek, trunc, waitall,\n"
	"                       urgent, errors, shutdown, unread, threads, sendfile, splice, other, churn\n"
	"  --family 4|6|mapped  address family (mapped: an IPv6 socket to ::ffff:127.0.0.1)\n"
	"  --abi ABI            whose interface of the kernel: native (default), 32, 32-socketcall; ends with 3 without it\n"
	"  --send CALL          write (default), writev, pwritev2, sendto, sendmsg, sendmmsg, sendfile, splice\n"
	"  --receive CALL       read (default), readv, preadv2, recvfrom, recvmsg, recvmmsg, splice\n"
	"  --accept CALL        accept4 (default), accept\n"
	"  --size BYTES         bytes in each direction (default 65536; churn: 16)\n"
	"  --call-size BYTES    most bytes asked of one call (default: all that is left)\n"
	"  --segments N         segments of each buffer, 1 to 1024 (every fifth is empty)\n"
	"  --messages N         messages of one sendmmsg or recvmmsg, 1 to 8 (default 3)\n"
	"  --head BYTES         bytes moved both ways before the middle sync point (midstream, blocked: 1000)\n"
	"  --nonblocking        sockets do not block\n"
	"  --sync POINTS        where to print `ready` and wait for a line: start, connected, middle; with commas\n"
	"  --seed N             of the payload (client: N, server: N + 1)\n"
	"  --connections N      of churn (default 1000)\n"
	"  --parallel N         threads of churn, 1 to 64 (default 4)\n"
	"  --timeout SECONDS    give up after (default 30)\n";

static size_t number(const char *name, const char *text, size_t least, size_t most)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);
	if (end == text || *end || *text == '-' || value < least || value > most)
		usage("--%s takes a number from %zu to %zu, not \"%s\"", name, least, most, text);
	return value;
}

static enum call call(const char *name, const char *text, bool (*fits)(enum call))
{
	for (int i = 0; i < CALL_MAX; i++) {
		if (strcmp(text, call_names[i]) == 0 && fits((enum call)i))
			return (enum call)i;
	}
	usage("--%s does not take \"%s\"", name, text);
}

static bool call_accepts(enum call call)
{
	return call == CALL_ACCEPT || call == CALL_ACCEPT4;
}

static enum family family(const char *text)
{
	if (strcmp(text, "4") == 0)
		return FAMILY_4;
	if (strcmp(text, "6") == 0)
		return FAMILY_6;
	if (strcmp(text, "mapped") == 0)
		return FAMILY_MAPPED;
	usage("--family takes 4, 6 or mapped, not \"%s\"", text);
}

static enum abi abi(const char *text)
{
	if (strcmp(text, "native") == 0)
		return ABI_NATIVE;
	if (strcmp(text, "32") == 0)
		return ABI_32;
	if (strcmp(text, "32-socketcall") == 0)
		return ABI_SOCKETCALL;
	usage("--abi takes native, 32 or 32-socketcall, not \"%s\"", text);
}

static unsigned sync_points(char *text)
{
	unsigned points = 0;
	char *rest = NULL;
	for (char *point = strtok_r(text, ",", &rest); point; point = strtok_r(NULL, ",", &rest)) {
		if (strcmp(point, "start") == 0)
			points |= SYNC_START;
		else if (strcmp(point, "connected") == 0)
			points |= SYNC_CONNECTED;
		else if (strcmp(point, "middle") == 0)
			points |= SYNC_MIDDLE;
		else
			usage("--sync takes start, connected and middle, not \"%s\"", point);
	}
	return points;
}

static const struct mode *find_mode(const char *name)
{
	for (const struct mode *mode = modes; mode->name; mode++) {
		if (strcmp(mode->name, name) == 0)
			return mode;
	}
	usage("there is no mode \"%s\"", name);
}

static const struct option long_options[] = {
	{ "abi", required_argument, NULL, 'i' },         { "mode", required_argument, NULL, 'm' },
	{ "family", required_argument, NULL, 'f' },
	{ "send", required_argument, NULL, 's' },        { "receive", required_argument, NULL, 'r' },
	{ "accept", required_argument, NULL, 'a' },      { "size", required_argument, NULL, 'b' },
	{ "call-size", required_argument, NULL, 'c' },   { "segments", required_argument, NULL, 'v' },
	{ "messages", required_argument, NULL, 'e' },    { "head", required_argument, NULL, 'h' },
	{ "nonblocking", no_argument, NULL, 'n' },       { "sync", required_argument, NULL, 'y' },
	{ "seed", required_argument, NULL, 'd' },        { "connections", required_argument, NULL, 'o' },
	{ "parallel", required_argument, NULL, 'p' },    { "timeout", required_argument, NULL, 't' },
	{ "help", no_argument, NULL, '?' + 128 },        { NULL, 0, NULL, 0 },
};

/* Says which of the options that have no fixed default were given. */
struct given {
	bool size, head, sync;
};

static void parse(int argc, char **argv, struct given *given)
{
	int letter;
	while ((letter = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (letter) {
		case 'm': options.mode = optarg; break;
		case 'i': options.abi = abi(optarg); break;
		case 'f': options.family = family(optarg); break;
		case 's': options.send = call("send", optarg, call_sends); break;
		case 'r': options.receive = call("receive", optarg, call_receives); break;
		case 'a': options.accept = call("accept", optarg, call_accepts); break;
		case 'b': options.size = number("size", optarg, 0, MAX_SIZE); given->size = true; break;
		case 'c': options.call_size = number("call-size", optarg, 1, MAX_SIZE); break;
		case 'v': options.segments = (unsigned)number("segments", optarg, 1, MAX_SEGMENTS); break;
		case 'e': options.messages = (unsigned)number("messages", optarg, 1, MAX_MESSAGES); break;
		case 'h': options.head = number("head", optarg, 0, MAX_SIZE); given->head = true; break;
		case 'n': options.nonblocking = true; break;
		case 'y': options.sync = sync_points(optarg); given->sync = true; break;
		case 'd': options.seed = (uint32_t)number("seed", optarg, 0, UINT_MAX - 1); break;
		case 'o': options.connections = (unsigned)number("connections", optarg, 1, 10000000); break;
		case 'p': options.parallel = (unsigned)number("parallel", optarg, 1, 64); break;
		case 't': options.timeout = (unsigned)number("timeout", optarg, 1, 3600); break;
		case '?' + 128: fputs(help, stdout); exit(0);
		default: usage("see --help");
		}
	}
	if (optind < argc)
		usage("\"%s\" is no option", argv[optind]);
}

static bool mode_is(const char *name)
{
	return strcmp(options.mode, name) == 0;
}

/* What a mode implies, and what it cannot do. */
static void complete(const struct given *given)
{
	if (mode_is("midstream") || mode_is("blocked")) {
		if (!given->head)
			options.head = 1000;
		if (!given->sync)
			options.sync = SYNC_MIDDLE;
	}
	if (mode_is("churn") && !given->size)
		options.size = 16;
	if (mode_is("sendfile"))
		options.send = CALL_SENDFILE;
	if (mode_is("splice"))
		options.send = options.receive = CALL_SPLICE;
	if (mode_is("partial")) {
		options.nonblocking = options.small_buffers = true;
		if (!given->size)
			options.size = 1 << 20;
	}
	if (options.head > options.size)
		usage("--head is more than --size");
	/* These rely on bytes that wait in the receiver's buffer, which must hold them all. */
	if ((mode_is("shutdown") || mode_is("unread")) && options.size > 32768)
		usage("%s moves at most 32768 bytes", options.mode);
	if ((mode_is("urgent") || mode_is("errors") || mode_is("unread")) && options.size < 32)
		usage("%s moves at least 32 bytes", options.mode);
	if ((mode_is("blocked") || mode_is("waitall")) && options.nonblocking)
		usage("%s blocks", options.mode);
	if (mode_is("urgent") && options.receive == CALL_SPLICE)
		usage("splice cannot pass the urgent byte"); /* it reports the end of the stream there */
	if (mode_is("errors") && options.abi != ABI_NATIVE)
		usage("errors passes addresses that cannot be rewritten");
	if (mode_is("blocked") && options.head == 0)
		usage("blocked needs bytes that end the blocked call");
}

int main(int argc, char **argv)
{
	struct given given = { 0 };
	parse(argc, argv, &given);
	complete(&given);
	const struct mode *mode = find_mode(options.mode);
	signal(SIGPIPE, SIG_IGN); /* a failed write must come back as an error */
	limit_time();
	abi_check();
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		die_errno("mmap");
	prepare(&shared->client, options.seed, options.seed + 1);
	prepare(&shared->server, options.seed + 1, options.seed);
	sync_point(SYNC_START);
	return mode->run ? mode->run() : run_mode(mode);
}
