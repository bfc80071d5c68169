/* SPDX-License-Identifier: MIT */
/*
 * Replays a trace: numbers of 32 bits in the machine's order, three a call: what to do (0 allocate,
 * 1 free, 2 resize, 3 allocate zeroed), the object's number, the size. ci/bench writes it.
 */
#ifndef BENCH_PATTERNS_TRACE_H
#define BENCH_PATTERNS_TRACE_H

#ifdef FORM_ANY_SIZE
enum { CALL_ALLOC, CALL_FREE, CALL_RESIZE, CALL_ZEROED };

struct trace_call {
	uint32_t what, object, size;
};

struct trace {
	struct trace_call *call;
	size_t calls, objects, allocations, bytes;
	void **live;
	uint32_t *size;
};

static bool trace_read(struct trace *trace, const char *path)
{
	FILE *file = fopen(path, "rb");
	long bytes = -1;

	if (!file)
		return false;
	if (fseek(file, 0, SEEK_END) == 0)
		bytes = ftell(file);
	rewind(file);
	if (bytes > 0) {
		trace->bytes = (size_t)bytes;
		trace->calls = trace->bytes / sizeof(*trace->call);
		trace->call = bench_memory(trace->bytes);
		if (fread(trace->call, sizeof(*trace->call), trace->calls, file) != trace->calls)
			bytes = -1;
	}
	fclose(file);
	for (size_t i = 0; i < trace->calls; i++) {
		const struct trace_call *call = &trace->call[i];

		if (call->object >= trace->objects)
			trace->objects = (size_t)call->object + 1;
		trace->allocations += call->what == CALL_ALLOC || call->what == CALL_ZEROED;
	}
	return bytes > 0 && trace->allocations;
}

static void trace_call(form_t form, struct trace *trace, const struct trace_call *call)
{
	void **place = &trace->live[call->object];

	switch (call->what) {
	case CALL_FREE:
		form_give(form, trace->size[call->object], *place);
		*place = NULL;
		return;
	case CALL_RESIZE:
		*place = bench_touch(form_resize(form, *place, call->size));
		break;
	case CALL_ZEROED:
		*place = bench_touch(form_take_zeroed(form, call->size));
		break;
	default:
		*place = bench_touch(form_take(form, call->size));
	}
	trace->size[call->object] = call->size;
}

static void trace_run(form_t form, struct trace *trace)
{
	for (size_t i = 0; i < trace->calls; i++)
		trace_call(form, trace, &trace->call[i]);
	for (size_t i = 0; i < trace->objects; i++) {
		if (trace->live[i])
			form_give(form, trace->size[i], trace->live[i]);
		trace->live[i] = NULL;
	}
}

static void pattern_trace(form_t form, struct job *job)
{
	struct trace trace = {.calls = 0};

	if (!trace_read(&trace, job->path)) {
		job->skipped = "the trace cannot be read";
		return;
	}
	trace.live = job_array(trace.objects);
	trace.size = bench_memory(trace.objects * sizeof(uint32_t));
	job_begin(job);
	while (job->done < job->pairs) {
		trace_run(form, &trace);
		job->done += trace.allocations;
	}
	job_end(job, 0);
	bench_memory_free(trace.live, trace.objects * sizeof(void *));
	bench_memory_free(trace.size, trace.objects * sizeof(uint32_t));
	bench_memory_free(trace.call, trace.bytes);
}
#else
static void pattern_trace(form_t form, struct job *job)
{
	(void)form;
	job->skipped = "it is for objects of one size";
}
#endif

#endif
