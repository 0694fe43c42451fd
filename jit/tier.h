// SPDX-License-Identifier: GPL-3.0-or-later
// Promotion: which blocks become regions, and regions in use.
//
// vCPU's thread, outside the jit's lock, unless said otherwise.
#ifndef JIT_TIER_H
#define JIT_TIER_H

#include "jit/region.h"

struct iop;

// The block at cpu->pc has been executed TB_LOOK_EVERY times more.
void tier_look(struct vcpu *cpu, struct tb *tb);

// Enters the region that iop (a block's H_REGION) belongs to; the block starts at pc_page.
enum region_result region_enter(struct vcpu *cpu, const struct iop *iop);

// Makes compiled code available for a recipe, unless the guest's code has changed meanwhile.
// entry_gpa is the physical address of the first page. Takes the recipe over.
void region_publish(struct jit *jit, struct region_recipe *recipe, const gpa_t *page_gpa,
                    region_fn *fn);

// Under the jit's lock: a block of the page was found unchanged after having been suspect; its
// region, if it has one, comes back when all of its bytes stand.
void region_revalidate(struct jit *jit, struct code_page *page, struct tb *tb);
// Under the jit's lock: blocks of the page may have changed.
void region_suspect(struct code_page *page);
void region_fini(struct jit *jit);

// Chooses what belongs to a region around a hot block. The blocks' executed neighbours, heaviest
// first. False: not worth it. page_gpa gets the physical pages.
bool region_form(struct vcpu *cpu, const struct tb *seed, struct region_recipe *recipe,
                 gpa_t *page_gpa);

#endif
