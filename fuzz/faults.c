/* SPDX-License-Identifier: MIT */
#include "faults.h"

#include "platform.h"

#include <string.h>

const char *const fuzz_fault_names[FAULT_KINDS] = {
	"none", "commit", "commits-from", "reserve", "reserves-from", "sync", "syncs-from",
	"thread", "threads-from", "callback", "callbacks-from",
};

const struct fuzz_faults *fuzz_faults_swept;

static struct {
	struct fuzz_faults plan;
	uint32_t calls, then_calls, all_calls;
	bool after_first;      /* the second failure is counted for */
	bool reserve;          /* a reservation was refused */
} faults;

static bool count(enum fuzz_fault planned, uint32_t at, uint32_t *calls, enum fuzz_fault from)
{
	uint32_t call = (*calls)++;

	return call == at || (call > at && planned == from);
}

bool fuzz_fault_hits(enum fuzz_fault once, enum fuzz_fault from)
{
	const struct fuzz_faults *plan = &faults.plan;
	bool hit = false, second = faults.after_first;

	if (!fuzz_platform.armed)
		return false;
	if (plan->fault == once || plan->fault == from) {
		faults.all_calls++;
		hit = count(plan->fault, plan->at, &faults.calls, from);
		faults.after_first |= hit;
	}
	if (second && (plan->then == once || plan->then == from))
		hit |= count(plan->then, plan->then_at, &faults.then_calls, from);
	fuzz_platform.fired += hit;
	faults.reserve |= hit && once == FAULT_RESERVE_ONCE;
	return hit;
}

void fuzz_faults_plan(const struct fuzz_faults *plan)
{
	if (fuzz_faults_swept)
		return;
	faults.plan = *plan;
	faults.calls = faults.then_calls = 0;
	faults.after_first = false;
	fuzz_platform.armed = true;
}

void fuzz_faults_rearm(uint32_t at, bool armed)
{
	if (fuzz_faults_swept)
		return;
	faults.calls = 0;
	faults.plan.at = at;
	fuzz_platform.armed = armed;
}

void fuzz_faults_heal(void)
{
	/* A sweep goes on after what can fail once only. */
	if (!fuzz_faults_swept || faults.plan.fault % 2 == 0)
		faults.plan.fault = FAULT_NONE;
	if (!fuzz_faults_swept || faults.plan.then % 2 == 0)
		faults.plan.then = FAULT_NONE;
}

bool fuzz_faults_reserve(void)
{
	const struct fuzz_faults *plan = &faults.plan;

	return faults.reserve || plan->fault == FAULT_RESERVE_ONCE ||
	       plan->fault == FAULT_RESERVE_FROM || plan->then == FAULT_RESERVE_ONCE ||
	       plan->then == FAULT_RESERVE_FROM;
}

uint32_t fuzz_faults_calls(void)
{
	return faults.all_calls;
}

void fuzz_faults_open(const struct fuzz_faults *plan)
{
	memset(&faults, 0, sizeof(faults));
	faults.plan = fuzz_faults_swept ? *fuzz_faults_swept : *plan;
}
