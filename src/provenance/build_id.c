/* SPDX-License-Identifier: MIT */
#include "provenance/build_id.h"

#include "base/text.h"

#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <string.h>

#define ROUND(n) (((n) + 3) & ~(size_t)3) /* names and contents of notes are padded */

/* Find the build ID in a segment of notes. */
static int search(const uint8_t *notes, size_t len, char *out)
{
    while (len >= sizeof(ElfW(Nhdr))) {
        ElfW(Nhdr) head;
        size_t name;
        size_t size;

        memcpy(&head, notes, sizeof(head));
        name = ROUND((size_t)head.n_namesz);
        size = ROUND((size_t)head.n_descsz);
        if (name > len - sizeof(head) || size > len - sizeof(head) - name)
            return 0;
        if (head.n_type == NT_GNU_BUILD_ID && head.n_namesz == 4 &&
            memcmp(notes + sizeof(head), "GNU", 4) == 0 && head.n_descsz &&
            head.n_descsz <= (BUILD_ID_TEXT - 1) / 2) {
            text_hex(out, notes + sizeof(head) + name, head.n_descsz);
            return 1;
        }
        notes += sizeof(head) + name + size;
        len -= sizeof(head) + name + size;
    }
    return 0;
}

/* Called with each loaded object, first with the program itself; 1 ends the search. */
static int on_object(struct dl_phdr_info *object, size_t size, void *out)
{
    size_t i;

    (void)size;
    for (i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        ElfW(Addr) at = object->dlpi_addr + segment->p_vaddr;

        if (segment->p_type == PT_NOTE && search((const uint8_t *)at, segment->p_memsz, out))
            break;
    }
    return 1; /* never look at the libraries */
}

const char *build_id(char out[BUILD_ID_TEXT])
{
    *out = '\0';
    (void)dl_iterate_phdr(on_object, out);
    return *out ? out : NULL;
}
