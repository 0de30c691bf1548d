/* A stand-in for the driver's libcuda.so.1 that keeps books of what is alive.
 *
 * Device addresses are numbers and no pointers, so a CPU that follows one ends. Nothing is used twice: a stale handle is
 * seen. Asynchronous work is done when somebody waits for it. A hook, or the environment, makes calls fail:
 *
 *     LIBCUDA_FAULT=cuStreamSynchronize=700@3   the third cuStreamSynchronize, and where the error lasts every later call
 *     LIBCUDA_BOOKS=FILE                        write the books to this file when the process ends
 *
 * Numbers and texts of errors are those of cuda.h and of NVIDIA's library.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EXPORT __attribute__((visibility("default")))

enum kind { CONTEXT, BUFFER, PINNED, STREAM, EVENT, KINDS };
enum { INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NOT_INITIALIZED = 3, NO_DEVICE = 100, INVALID_DEVICE = 101,
       INVALID_CONTEXT = 201, INVALID_HANDLE = 400, NOT_READY = 600, ILLEGAL_ADDRESS = 700 };

struct object;
struct work {
    struct work *next;
    void *host;
    uint64_t device, bytes, token;
    struct object *event;
    int to_device, void_now;
};
struct object {
    struct object *next;
    enum kind kind;
    uint64_t id, bytes, context;
    unsigned char *data;
    struct work *first, **last;   /* of a stream; a context's are those of its default stream */
    int pushes, recorded, done;
    double when_ms;
};

typedef int (*hook_type)(const char *call, uint64_t subject);
typedef int (*run_type)(uint64_t token);

static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static struct object *objects;
static hook_type hook;
static run_type run;
static int initialised, broken, calls_until_fault, fault_status;
static char fault_call[64], device_name[256] = "NVIDIA Tegra X1";
static uint64_t capability = 53, total_bytes = 3956ull << 20, free_bytes = 2400ull << 20;
static uint64_t next_handle = 0x55000000, next_address = 0x700000000, used_bytes;
static uint64_t alive[KINDS], made[KINDS], pushed, orphans, unwaited, misuses;
static __thread struct object *stack[64];
static __thread int depth;

static const struct { int status; const char *name, *text; int lasts; } ERRORS[] = {
    {1, "CUDA_ERROR_INVALID_VALUE", "invalid argument", 0},
    {2, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory", 0},
    {3, "CUDA_ERROR_NOT_INITIALIZED", "initialization error", 0},
    {4, "CUDA_ERROR_DEINITIALIZED", "driver shutting down", 1},
    {34, "CUDA_ERROR_STUB_LIBRARY", "CUDA driver is a stub library", 0},
    {100, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected", 0},
    {101, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal", 0},
    {201, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context", 0},
    {214, "CUDA_ERROR_ECC_UNCORRECTABLE", "uncorrectable ECC error encountered", 1},
    {400, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle", 0},
    {600, "CUDA_ERROR_NOT_READY", "device not ready", 0},
    {700, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered", 1},
    {702, "CUDA_ERROR_LAUNCH_TIMEOUT", "the launch timed out and was terminated", 1},
    {709, "CUDA_ERROR_CONTEXT_IS_DESTROYED", "context is destroyed", 1},
    {714, "CUDA_ERROR_HARDWARE_STACK_ERROR", "hardware stack error", 1},
    {715, "CUDA_ERROR_ILLEGAL_INSTRUCTION", "an illegal instruction was encountered", 1},
    {716, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address", 1},
    {717, "CUDA_ERROR_INVALID_ADDRESS_SPACE", "operation not supported on global/shared address space", 1},
    {718, "CUDA_ERROR_INVALID_PC", "invalid program counter", 1},
    {719, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure", 1},
    {803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", "system has unsupported display driver / cuda driver combination", 0},
    {999, "CUDA_ERROR_UNKNOWN", "unknown error", 0},
};
#define COUNT (sizeof ERRORS / sizeof ERRORS[0])

static int lasts(int status) {
    for (size_t i = 0; i < COUNT; i++)
        if (ERRORS[i].status == status)
            return ERRORS[i].lasts;
    return 0;
}

/* Whether a call fails before it does anything. */
static int refused(const char *call, uint64_t subject) {
    int status = hook ? hook(call, subject) : 0;
    if (!status && calls_until_fault && !strcmp(call, fault_call) && !--calls_until_fault) {
        status = fault_status;
        if (lasts(status))
            broken = status;
        else
            calls_until_fault = 1;
    }
    if (status)
        return status;
    if (!initialised && strcmp(call, "cuInit"))
        return NOT_INITIALIZED;
    return broken;
}

static int leave(int status) {
    pthread_mutex_unlock(&lock);
    return status;
}

#define ENTER(call, subject) \
    pthread_mutex_lock(&lock); \
    { int refusal = refused(call, (uint64_t)(subject)); if (refusal) return leave(refusal); }
#define ENTER_WITH_CONTEXT(call, subject) \
    ENTER(call, subject) \
    if (!depth) return leave(INVALID_CONTEXT);

static struct object *find(enum kind kind, uint64_t id) {
    for (struct object *each = objects; each; each = each->next)
        if (each->kind == kind && each->id == id)
            return each;
    return NULL;
}

static struct object *add(enum kind kind, uint64_t id, uint64_t bytes, void *data) {
    struct object *made_now = calloc(1, sizeof *made_now);
    made_now->kind = kind;
    made_now->id = id ? id : (next_handle += 16);
    made_now->bytes = bytes;
    made_now->data = data;
    made_now->context = depth ? stack[depth - 1]->id : 0;
    made_now->last = &made_now->first;
    made_now->next = objects;
    objects = made_now;
    alive[kind]++;
    made[kind]++;
    return made_now;
}

/* What waits in a queue for a mark or for pinned memory that goes: the second is a fault of the program. */
static void cancel(struct object *gone) {
    for (struct object *queue = objects; queue; queue = queue->next)
        for (struct work *each = queue->first; each; each = each->next) {
            unsigned char *host = each->host;
            int reads = gone->kind == PINNED && host && host >= gone->data && host < gone->data + gone->bytes;
            misuses += reads;
            each->void_now |= reads || each->event == gone;
        }
}

static void forget(struct object *gone) {
    cancel(gone);
    struct object **place = &objects;
    while (*place != gone)
        place = &(*place)->next;
    *place = gone->next;
    for (struct work *each = gone->first, *next; each; each = next) {
        next = each->next;
        unwaited++;
        free(each);
    }
    if (gone->kind == BUFFER)
        used_bytes -= gone->bytes;
    alive[gone->kind]--;
    free(gone->data);
    free(gone);
}

static struct object *queue_of(uint64_t stream) {
    return stream ? find(STREAM, stream) : depth ? stack[depth - 1] : NULL;
}

static struct work *enqueue(struct object *queue) {
    struct work *new_work = calloc(1, sizeof *new_work);
    *queue->last = new_work;
    queue->last = &new_work->next;
    return new_work;
}

/* Bytes of the device, or NULL outside of what was allocated there, or in another context where one is named. */
static unsigned char *bytes_at(uint64_t address, uint64_t count, uint64_t context) {
    for (struct object *each = objects; each; each = each->next)
        if (each->kind == BUFFER && each->id <= address && address + count <= each->id + each->bytes
            && (!context || context == each->context))
            return each->data + (address - each->id);
    return NULL;
}

static int copy(struct work *what) {
    unsigned char *place = bytes_at(what->device, what->bytes, 0);
    if (!place)
        return ILLEGAL_ADDRESS;
    if (what->to_device)
        memcpy(place, what->host, what->bytes);
    else
        memcpy(what->host, place, what->bytes);
    return 0;
}

static double now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1e3 + now.tv_nsec * 1e-6;
}

static int drain(struct object *queue) {
    while (queue->first) {
        struct work *next = queue->first;
        queue->first = next->next;
        if (!queue->first)
            queue->last = &queue->first;
        int status = broken;
        if (next->void_now)
            ;
        else if (!status && next->token)
            status = run(next->token);
        else if (!status && next->event)
            next->event->done = 1, next->event->when_ms = now_ms();
        else if (!status)
            status = copy(next);
        if (status)
            broken = status;
        free(next);
    }
    return broken;
}

static int create(enum kind kind, void **handle) {
    *handle = (void *)add(kind, 0, 0, NULL)->id;
    return leave(0);
}

/* Destroying works on a broken device as well, and gives its error. */
static int destroy(const char *call, enum kind kind, uint64_t id) {
    pthread_mutex_lock(&lock);
    int status = refused(call, id);
    if (status && status != broken)
        return leave(status);
    if (!depth)
        return leave(INVALID_CONTEXT);
    struct object *gone = find(kind, id);
    if (!gone) {
        misuses++;
        return leave(INVALID_HANDLE);
    }
    misuses += gone->context != stack[depth - 1]->id;
    forget(gone);
    return leave(status);
}

EXPORT int cuInit(unsigned flags) {
    ENTER("cuInit", flags);
    initialised = 1;
    return leave(0);
}

EXPORT int cuDeviceGet(int *device, int ordinal) {
    ENTER("cuDeviceGet", ordinal);
    *device = 0;
    return leave(ordinal ? INVALID_DEVICE : 0);
}

EXPORT int cuDeviceGetName(char *name, int length, int device) {
    ENTER("cuDeviceGetName", device);
    snprintf(name, length, "%s", device_name);
    return leave(0);
}

EXPORT int cuDeviceGetAttribute(int *value, int attribute, int device) {
    ENTER("cuDeviceGetAttribute", device);
    *value = attribute == 75 ? capability / 10 : capability % 10;
    return leave(attribute == 75 || attribute == 76 ? 0 : INVALID_VALUE);
}

EXPORT int cuDeviceTotalMem_v2(size_t *bytes, int device) {
    ENTER("cuDeviceTotalMem", device);
    *bytes = total_bytes;
    return leave(0);
}

EXPORT int cuCtxCreate_v2(void **context, unsigned flags, int device) {
    (void)flags;
    ENTER("cuCtxCreate", device);
    struct object *new_context = add(CONTEXT, 0, 0, NULL);
    new_context->pushes = 1;
    pushed++;
    stack[depth++] = new_context;
    *context = (void *)new_context->id;
    return leave(0);
}

/* This works on a broken device too, and so do the next three. */
EXPORT int cuCtxPushCurrent_v2(void *context) {
    pthread_mutex_lock(&lock);
    struct object *known = find(CONTEXT, (uint64_t)context);
    if (!known || depth == 64)
        return leave(INVALID_CONTEXT);
    known->pushes++;
    pushed++;
    stack[depth++] = known;
    return leave(0);
}

EXPORT int cuCtxPopCurrent_v2(void **context) {
    pthread_mutex_lock(&lock);
    if (!depth)
        return leave(INVALID_CONTEXT);
    struct object *top = stack[--depth];
    top->pushes--;
    pushed--;
    *context = (void *)top->id;
    return leave(0);
}

EXPORT int cuCtxDestroy_v2(void *context) {
    pthread_mutex_lock(&lock);
    if (hook)
        hook("cuCtxDestroy", (uint64_t)context);
    struct object *gone = find(CONTEXT, (uint64_t)context);
    if (!gone) {
        misuses++;
        return leave(INVALID_CONTEXT);
    }
    if (depth && stack[depth - 1] == gone) {
        gone->pushes--;
        pushed--;
        depth--;
    }
    misuses += gone->pushes != 0;
    for (struct object *each = objects, *next; each; each = next) {
        next = each->next;
        if (each->kind != CONTEXT && each->context == gone->id) {
            orphans++;
            forget(each);
        }
    }
    forget(gone);
    return leave(0);
}

EXPORT int cuCtxGetCurrent(void **context) {
    *context = depth ? (void *)stack[depth - 1]->id : NULL;
    return initialised ? 0 : NOT_INITIALIZED;
}

EXPORT int cuMemGetInfo_v2(size_t *unused, size_t *total) {
    ENTER_WITH_CONTEXT("cuMemGetInfo", 0);
    *unused = used_bytes < free_bytes ? free_bytes - used_bytes : 0;
    *total = total_bytes;
    return leave(0);
}

EXPORT int cuMemAlloc_v2(uint64_t *address, size_t bytes) {
    ENTER_WITH_CONTEXT("cuMemAlloc", bytes);
    if (!bytes)
        return leave(INVALID_VALUE);
    if (used_bytes + bytes > free_bytes)
        return leave(OUT_OF_MEMORY);
    *address = add(BUFFER, next_address, bytes, memset(malloc(bytes), 0xCB, bytes))->id;
    next_address += (bytes + 4096 + 511) / 512 * 512;
    used_bytes += bytes;
    return leave(0);
}

EXPORT int cuMemFree_v2(uint64_t address) {
    return destroy("cuMemFree", BUFFER, address);
}

EXPORT int cuMemHostAlloc(void **memory, size_t bytes, unsigned flags) {
    (void)flags;
    ENTER_WITH_CONTEXT("cuMemHostAlloc", bytes);
    if (!bytes)
        return leave(INVALID_VALUE);
    *memory = memset(malloc(bytes), 0xCB, bytes);
    add(PINNED, (uint64_t)*memory, bytes, *memory);
    return leave(0);
}

EXPORT int cuMemFreeHost(void *memory) {
    return destroy("cuMemFreeHost", PINNED, (uint64_t)memory);
}

EXPORT int cuStreamCreate(void **stream, unsigned flags) {
    ENTER_WITH_CONTEXT("cuStreamCreate", flags);
    return create(STREAM, stream);
}

EXPORT int cuStreamDestroy_v2(void *stream) {
    return destroy("cuStreamDestroy", STREAM, (uint64_t)stream);
}

EXPORT int cuStreamSynchronize(void *stream) {
    ENTER_WITH_CONTEXT("cuStreamSynchronize", stream);
    struct object *queue = queue_of((uint64_t)stream);
    return leave(queue ? drain(queue) : INVALID_HANDLE);
}

EXPORT int cuEventCreate(void **event, unsigned flags) {
    ENTER_WITH_CONTEXT("cuEventCreate", flags);
    return create(EVENT, event);
}

EXPORT int cuEventDestroy_v2(void *event) {
    return destroy("cuEventDestroy", EVENT, (uint64_t)event);
}

EXPORT int cuEventRecord(void *event, void *stream) {
    ENTER_WITH_CONTEXT("cuEventRecord", event);
    struct object *mark = find(EVENT, (uint64_t)event), *queue = queue_of((uint64_t)stream);
    if (!mark || !queue)
        return leave(INVALID_HANDLE);
    mark->recorded = 1;
    mark->done = 0;
    enqueue(queue)->event = mark;
    return leave(0);
}

EXPORT int cuEventElapsedTime(float *took_ms, void *from, void *till) {
    ENTER_WITH_CONTEXT("cuEventElapsedTime", from);
    struct object *one = find(EVENT, (uint64_t)from), *two = find(EVENT, (uint64_t)till);
    if (!one || !two || !one->recorded || !two->recorded)
        return leave(INVALID_HANDLE);
    *took_ms = (float)(two->when_ms - one->when_ms);
    return leave(one->done && two->done ? 0 : NOT_READY);
}

static int copy_later(uint64_t device, void *host, size_t bytes, void *stream, int to_device) {
    struct object *queue = queue_of((uint64_t)stream);
    if (!queue)
        return leave(INVALID_HANDLE);
    if (!bytes_at(device, bytes, 0))
        return leave(INVALID_VALUE);
    struct work *what = enqueue(queue);
    what->device = device;
    what->host = host;
    what->bytes = bytes;
    what->to_device = to_device;
    return leave(0);
}

EXPORT int cuMemcpyHtoDAsync_v2(uint64_t device, void *host, size_t bytes, void *stream) {
    ENTER_WITH_CONTEXT("cuMemcpyHtoDAsync", bytes);
    return copy_later(device, host, bytes, stream, 1);
}

EXPORT int cuMemcpyDtoHAsync_v2(void *host, uint64_t device, size_t bytes, void *stream) {
    ENTER_WITH_CONTEXT("cuMemcpyDtoHAsync", bytes);
    return copy_later(device, host, bytes, stream, 0);
}

EXPORT int cuMemcpyHtoD_v2(uint64_t device, void *host, size_t bytes) {
    ENTER_WITH_CONTEXT("cuMemcpyHtoD", bytes);
    struct work what = {.device = device, .host = host, .bytes = bytes, .to_device = 1};
    if (!bytes_at(device, bytes, 0))
        return leave(INVALID_VALUE);
    for (struct object *each = objects; each; each = each->next)
        if ((each->kind == STREAM || each->kind == CONTEXT) && drain(each))
            return leave(broken);
    return leave(copy(&what));
}

EXPORT int cuGetErrorName(int status, const char **name) {
    for (size_t i = 0; i < COUNT; i++)
        if (ERRORS[i].status == status)
            return *name = ERRORS[i].name, 0;
    *name = NULL;
    return INVALID_VALUE;
}

EXPORT int cuGetErrorString(int status, const char **text) {
    for (size_t i = 0; i < COUNT; i++)
        if (ERRORS[i].status == status)
            return *text = ERRORS[i].text, 0;
    *text = NULL;
    return INVALID_VALUE;
}

/* For tests, which see the same memory as TensorRT would. */

EXPORT void standin_set(const char *name, uint64_t value) {
    pthread_mutex_lock(&lock);
    if (!strcmp(name, "capability")) capability = value;
    else if (!strcmp(name, "total_bytes")) total_bytes = value;
    else if (!strcmp(name, "free_bytes")) free_bytes = value;
    else if (!strcmp(name, "broken")) broken = (int)value;
    pthread_mutex_unlock(&lock);
}

EXPORT void standin_name(const char *name) { snprintf(device_name, sizeof device_name, "%s", name); }

EXPORT void standin_callbacks(hook_type new_hook, run_type new_run) {
    hook = new_hook;
    run = new_run;
}

EXPORT uint64_t standin_count(const char *what) {
    static const char *names[KINDS] = {"contexts", "buffers", "pinned", "streams", "events"};
    for (int kind = 0; kind < KINDS; kind++) {
        if (!strcmp(what, names[kind])) return alive[kind];
        if (!strncmp(what, "made ", 5) && !strcmp(what + 5, names[kind])) return made[kind];
    }
    return !strcmp(what, "bytes") ? used_bytes : !strcmp(what, "pushed") ? pushed
        : !strcmp(what, "orphans") ? orphans : !strcmp(what, "unwaited") ? unwaited : misuses;
}

EXPORT uint64_t standin_current(void) { return depth ? stack[depth - 1]->id : 0; }

EXPORT uint64_t standin_context_of(uint64_t stream) {
    struct object *known = find(STREAM, stream);
    return known ? known->context : 0;
}

EXPORT void *standin_view(uint64_t address, uint64_t bytes, uint64_t context) {
    return bytes_at(address, bytes, context);
}

/* Let the run callback have a token in the order of a stream, as a kernel would run. */
EXPORT int standin_enqueue(uint64_t stream, uint64_t token) {
    struct object *queue = queue_of(stream);
    if (!queue)
        return INVALID_HANDLE;
    enqueue(queue)->token = token;
    return 0;
}

__attribute__((constructor)) static void open_books(void) {
    const char *fault = getenv("LIBCUDA_FAULT");
    if (fault && sscanf(fault, "%63[^=]=%d@%d", fault_call, &fault_status, &calls_until_fault) == 2)
        calls_until_fault = 1;
}

__attribute__((destructor)) static void close_books(void) {
    const char *path = getenv("LIBCUDA_BOOKS");
    FILE *file = path && made[CONTEXT] ? fopen(path, "w") : NULL;
    static const char *names[] = {"contexts", "buffers", "pinned", "streams", "events", "pushed", "orphans",
                                  "unwaited", "misuses"};
    for (size_t i = 0; file && i < sizeof names / sizeof names[0]; i++)
        fprintf(file, "%s %llu\n", names[i], (unsigned long long)standin_count(names[i]));
    if (file) {
        fprintf(file, "contexts made %llu\n", (unsigned long long)made[CONTEXT]);
        fclose(file);
    }
}
