// SPDX-License-Identifier: GPL-3.0-or-later
// One file of the persistent cache, and its directory. Within jit/cache*.c only.
//
// A file: header, rows, entries. A row says where the entry for a hash is; one entry has a row for
// each of its region's entries. Header and rows share a checksum, so that opening a file reads
// nothing else; an entry has its own. Numbers are the host's (x86-64). An entry's recipe is stored
// without what is zero in every recipe: blocks that are not used and bytes of no block.
#ifndef JIT_CACHE_FILE_H
#define JIT_CACHE_FILE_H

#include "jit/cache.h"

#include <sys/stat.h>

#define CACHE_MAGIC     "armletc1"
#define CACHE_SUFFIX    ".code"
#define CACHE_TMP       "tmp-"
#define CACHE_LOCK      "lock"
#define CACHE_MAX_FILE  (UINT64_C(64) << 20)
#define CACHE_MAX_ROWS  65536u
#define CACHE_MAX_ENTRY (17u << 20)

struct cache_file_header {
    char magic[8];
    uint64_t checksum; // of the rest of the header and the rows
    uint64_t size;     // of the file
    uint32_t nr_rows, nr_entries;
    char identity[CACHE_IDENTITY_SIZE]; // padded with zeroes
};

struct cache_file_row {
    uint64_t hash;
    uint32_t offset, size; // of the entry; multiples of 8
};

struct cache_file_entry {
    uint64_t checksum; // of the rest of the entry
    uint32_t recipe_size, image_size, align, entry;
    // The recipe, packed, and the image follow, each padded to 8 bytes.
};

// Opening a file: what came of it.
enum cache_verdict {
    CACHE_GOOD,
    CACHE_OTHER,   // sound, of another armlet or processor
    CACHE_FOREIGN, // somebody else's, or somebody else could have written it
    CACHE_CORRUPT,
    CACHE_GONE, // no such file, or it cannot be read
};

// Header and rows (owned by the caller) of the file that fd reads. identity NULL: any.
enum cache_verdict cache_file_index(int fd, const char *identity, struct cache_file_header *header,
                                    struct cache_file_row **rows);
// Opens a file of the directory for reading and checks who owns it; *fd is -1 unless CACHE_GOOD.
enum cache_verdict cache_file_open(int dir, const char *name, int *fd, struct stat *st);
// Reads and checks one entry; *memory is the caller's to free, and where item points into.
bool cache_entry_read(int fd, uint64_t offset, uint32_t size, struct cache_item *item,
                      void **memory);

// A file being put together in memory.
struct cache_builder {
    struct cache_file_row *rows;
    uint8_t *entries;
    size_t nr_rows, row_room, size, room;
    uint32_t nr_entries;
};

// False: the recipe is not what every recipe is, or no memory.
bool cache_builder_add(struct cache_builder *b, const struct cache_item *item);
void cache_builder_free(struct cache_builder *b);
// Writes it into the directory under a name of its own, which name gets.
bool cache_builder_write(const struct cache_builder *b, int dir, const char *identity,
                         char name[CACHE_NAME_SIZE], struct error *err);

// Directory ------------------------------------------------------------------------------------

// The directory's name: the given one or the default.
bool cache_dir_name(const char *dir, char *out, size_t size, struct error *err);
// Opens it if it is the user's own, else -1 and err. make: it is made if need be.
int cache_dir_open(const char *name, bool make, struct error *err);

struct cache_dir_item {
    char name[CACHE_NAME_SIZE];
    uint64_t size;
    int64_t mtime; // ns
};

// The cache files in a directory, oldest use first; *list is the caller's. Temporary files that
// somebody left an hour ago are removed on the way.
size_t cache_dir_scan(int dir, struct cache_dir_item **list);
// Is this a name that cache_builder_write() makes?
bool cache_dir_is_ours(const char *name);
// The lock that eviction and merging take: an fd to be closed, or -1: somebody else has it.
int cache_dir_lock(int dir);
// Removes what was used least recently until the rest fits.
void cache_dir_trim(int dir, uint64_t max_bytes);

// Build id of this executable and features of this processor.
void cache_identity(const char *compiler, char out[CACHE_IDENTITY_SIZE]);

#endif
