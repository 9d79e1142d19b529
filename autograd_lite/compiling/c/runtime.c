// What Python calls: functions that read arrays of NumPy and objects of Python where these have them.
//
// No headers are needed, since what is read of an object is part of the binary interfaces of Python and NumPy. Each
// function is a builtin function whose `self` is an array of NumPy, a table of 64-bit numbers, which says what it does.
// call.py and guards.py write these tables; HEAD, the bytes before the content of an object, and the codes of
// operations are defined before this text.

void *memcpy(void *, const void *, unsigned long), *aligned_alloc(unsigned long, unsigned long), free(void *);

typedef struct object { char head[HEAD - 8]; struct object *type; } object;

object *PyDict_GetItemWithError(object *, object *), *PyDict_New(void), *PyErr_Occurred(void), *PyIter_Next(object *);
object *PyList_GetItem(object *, long), *PyList_New(long), *PyObject_GetAttr(object *, object *);
object *PyObject_Vectorcall(object *, object *const *, unsigned long, object *), *PyTuple_GetItem(object *, long);
object *PyTuple_New(long), *PyType_GenericAlloc(object *, long);
int PyContextVar_Get(object *, object *, object **), PyDict_Contains(object *, object *);
int PyDict_Update(object *, object *), PyDict_Next(object *, long *, object **, object **), PyDict_SetItem(object *, object *, object *);
int PyList_SetItem(object *, long, object *), PyObject_RichCompareBool(object *, object *, int);
int PyTuple_SetItem(object *, long, object *);
long PyObject_Size(object *);
int PyErr_CheckSignals(void);
void PyErr_Clear(void), Py_DecRef(object *), Py_IncRef(object *), *PyEval_SaveThread(void), PyEval_RestoreThread(void *);
long long PyLong_AsLongLong(object *);

struct array {
    object head;
    char *data;
    int ndim;
    long *shape, *strides;
    object *base;
    struct { object head; void *type; char kind, letter, order, unused; int number; } *dtype;
    int flags;
};

static object *none, *false, *ndarray, *float64, *int64, *python_float, *python_int;
static object *(*new_array)(object *, int, const long *, int, const long *, void *, int, int, object *);
static object *(*new_number)(void *, void *, object *);
static int (*set_base)(object *, object *);

void start(void *const *objects)
{
    none = objects[0], false = objects[1], ndarray = objects[2], float64 = objects[3];
    int64 = objects[4], python_float = objects[5], python_int = objects[6];
    new_array = (object *(*)(object *, int, const long *, int, const long *, void *, int, int, object *))objects[7];
    new_number = (object *(*)(void *, void *, object *))objects[8];
    set_base = (int (*)(object *, object *))objects[9];
}

static object *new(object *x)
{
    Py_IncRef(x);
    return x;
}

// what a value is: the number of its dtype, whether it is written, its axes
struct kind { long dtype, written, ndim, shape[8]; };

// the memory of a value, or NULL if it is not an array of its kind, contiguous and aligned
static void *memory_of(object *x, const struct kind *kind)
{
    const long dtype = x->type == float64 || x->type == python_float ? FLOAT64 : x->type == int64 ? INT64 : -1;
    if (dtype == kind->dtype && !kind->ndim && !kind->written)
        return (char *)x + HEAD;
    const struct array *a = (const struct array *)x;
    const int flags = kind->written ? 0x501 : 0x101;
    if (x->type != ndarray || a->ndim != kind->ndim || (a->flags & flags) != flags)
        return 0;
    if (a->dtype->number != kind->dtype || a->dtype->order != '=' && a->dtype->order != '|')
        return 0;
    for (int k = 0; k < kind->ndim; k++)
        if (a->shape[k] != kind->shape[k])
            return 0;
    return a->data;
}

// ------------------------------------------------------------------------------------------------ a region of a program

struct region { void (*run)(void *const *); long lasts, size; struct kind kinds[]; };

// Called with the memory of the program, and the arrays; False if one of these is not of its kind.
object *region(object *self, object *const *args, long count)
{
    const struct region *it = (void *)((struct array *)self)->data;
    void *at[it->size + 1];
    at[0] = ((struct array *)args[0])->data;
    for (int k = 0; k < it->size; k++)
        if (!(at[k + 1] = memory_of(args[k + 1], &it->kinds[k])))
            return new(false);
    void *thread = it->lasts ? PyEval_SaveThread() : 0;
    it->run(at);
    if (thread)
        PyEval_RestoreThread(thread);
    return new(none);
}

// ----------------------------------------------------------------------------------------------------------- a loop

// Where an argument of a step is: in value `even` or `odd`, by the number of the step, from `start` on; at the first
// step in value `first`, and at the last in `last`, if these are not -1. Strides are in bytes.
struct column { long even, odd, start, stride, first, last; };
struct copy { long to, to_start, from, from_start, bytes; };
struct end { struct column from; long to, bytes; };  // a copy of what an argument would be in the next step
struct step { void (*run)(void *const *); long memory, columns; };
struct loop {
    struct step body, test;  // the test of a while_loop, whose result is in the last value
    long length, chunk, lasts, memory;  // after each chunk of steps, Ctrl-C is looked for
    long operands, results, more, before, after, ends;
};

static void copies(char *const *value, const struct copy *c, long count)
{
    for (; count--; c++)
        memcpy(value[c->to] + c->to_start, value[c->from] + c->from_start, c->bytes);
}

static char *place(char *const *value, const struct column *c, long t, long length)
{
    if (t == 0 && c->first >= 0)
        return value[c->first];
    if (t == length - 1 && c->last >= 0)
        return value[c->last];
    return value[t & 1 ? c->odd : c->even] + c->start + t * c->stride;
}

static void run(const struct step *step, char *const *value, const struct column *c, char *memory, long t, long length)
{
    void *at[step->columns + 1];
    at[0] = memory + step->memory;
    for (int k = 0; k < step->columns; k++)
        at[k + 1] = place(value, c + k, t, length);
    step->run(at);
}

// Called with the operands of a loop; False if one of these is not of its kind. The table has, after its head: the kinds
// of operands and results; further values, as an address, or 0 and an offset in the memory; columns, copies, and ends.
object *loop(object *self, object *const *args, long count)
{
    const struct loop *it = (void *)((struct array *)self)->data;
    const struct kind *kinds = (void *)(it + 1);
    const struct { char *address; long offset; } *more = (void *)(kinds + it->operands + it->results);
    const struct column *columns = (void *)(more + it->more), *tests = columns + it->body.columns;
    const struct copy *before = (void *)(tests + it->test.columns), *after = before + it->before;
    const struct end *ends = (void *)(after + it->after);
    char *value[it->operands + it->results + it->more + 1], **v = value, *memory = 0;
    int failed = 0;
    for (int k = 0; k < it->operands; k++)
        if (!(*v++ = memory_of(args[k], &kinds[k])))
            return new(false);
    object *tuple = PyTuple_New(it->results);
    for (int k = 0; k < it->results && tuple && !failed; k++) {
        const struct kind *kind = &kinds[it->operands + k];
        object *x = new_array(ndarray, kind->ndim, kind->shape, kind->dtype, 0, 0, 0, 0, 0);
        failed = !x || PyTuple_SetItem(tuple, k, x);
        *v++ = failed ? 0 : ((struct array *)x)->data;
    }
    if (failed || !tuple || !(memory = aligned_alloc(64, it->memory))) {
        Py_DecRef(tuple);
        PyErr_Clear();
        return new(false);  // Python says what is missing
    }
    for (int k = 0; k < it->more; k++)
        *v++ = more[k].address ? more[k].address : memory + more[k].offset;
    copies(value, before, it->before);
    long t = 0;
    for (int goes_on = 1; goes_on && !failed;) {
        const long end = it->length - t > it->chunk ? t + it->chunk : it->length;
        void *thread = it->lasts ? PyEval_SaveThread() : 0;
        for (; goes_on && t < end; t += goes_on) {
            if (it->test.run)
                run(&it->test, value, tests, memory, t, it->length);
            if (it->test.run && !*v[-1])
                goes_on = 0;
            else
                run(&it->body, value, columns, memory, t, it->length);
        }
        if (thread)
            PyEval_RestoreThread(thread);
        goes_on &= t < it->length;
        failed = goes_on && PyErr_CheckSignals();
    }
    copies(value, after, it->after);
    for (int k = 0; k < it->ends; k++)
        memcpy(value[ends[k].to], place(value, &ends[k].from, t, it->length), ends[k].bytes);
    free(memory);
    if (failed)
        Py_DecRef(tuple);
    return failed ? 0 : tuple;
}

// ------------------------------------------------------------------------------------- a call that jit has compiled

struct operation { long code, to, a, b, n; };
struct argument { long from, k; struct kind kind; };  // a register, a result, or an address
struct result { void *dtype; long is_number; struct kind kind; };
struct call {
    long valid;  // 0 while objects that are compared by identity are looked up again
    void (*run)(void *const *);
    char *memory;
    object *python;  // the function of Python that does the same
    const long *lock;  // 0 while nobody holds it
    long registers, size, results, most;  // most references that a call holds
    long to_registers, to_arguments, to_results, to_operations;  // where these begin in the table
    object *acquire, *release;  // of the lock, which is held if functions of Python are called, or NULL
};

static void release(const struct call *c, object *const *kept, int held)
{
    while (held)
        Py_DecRef(kept[--held]);
    if (c->release)
        Py_DecRef(PyObject_Vectorcall(c->release, 0, 0, 0));
}

// Called with the arguments of a call: checks what `python` does, and calls that if anything is not as it was. Since the
// lock of Python is never released, and nothing between READ and the arithmetic runs code of Python, no other thread
// comes between.
object *call(object *self, object *const *args, long count)
{
    long *const table = (long *)((struct array *)self)->data;
    const struct call *c = (void *)table;
    const struct argument *arguments = (void *)(table + c->to_arguments);
    const struct result *results = (void *)(table + c->to_results);
    const struct operation *o = (void *)(table + c->to_operations);
    object *r[c->registers + 1], *kept[c->most], *out[c->results + 1], *x, *y;
    object *again[c->registers + 1];
    void *at[c->size + 1];
    double numbers[2 * c->results + 1];
    long long integers[c->size + 1];
    int held = 0;
    #define KEEP(x) (kept[held++] = (x))
    if (count != 2 || !c->valid || c->lock && *c->lock)
        goto python;
    if (c->acquire)
        KEEP(PyObject_Vectorcall(c->acquire, 0, 0, 0));
    for (int k = 0; k < c->results; k++) {
        const struct kind *kind = &results[k].kind;
        out[k] = results[k].is_number ? 0 : new_array(ndarray, kind->ndim, kind->shape, kind->dtype, 0, 0, 0, 0, 0);
        if (out[k])
            KEEP(out[k]);
        else if (!results[k].is_number)
            goto miss;
    }
    memcpy(r, table + c->to_registers, c->registers * sizeof *r);
    r[0] = args[0], r[1] = args[1];
    for (;; o++) {
        object *const a = r[o->a], *const b = r[o->b], **slot = (object **)((char *)a + o->n);
        switch (o->code) {
        case IS:
            if (a == b)
                goto miss;
            break;
        case IS_NOT:
            if (a != b)
                goto miss;
            break;
        case TYPE:
            if (a->type != b)
                goto miss;
            break;
        case SLOT:  // of an object of type b
            if (a->type != b || !(r[o->to] = *slot))
                goto miss;
            break;
        case ATTRIBUTE:
            if (!(r[o->to] = PyObject_GetAttr(a, b)))
                goto miss;
            KEEP(r[o->to]);
            break;
        case KEY:
            if (!(r[o->to] = PyDict_GetItemWithError(a, b)))
                goto miss;
            break;
        case OF_TUPLE:
            if (!(r[o->to] = PyTuple_GetItem(a, o->n)))
                goto miss;
            break;
        case OF_LIST:
            if (!(r[o->to] = PyList_GetItem(a, o->n)))
                goto miss;
            break;
        case ABSENT:
            if (PyDict_Contains(a, b))
                goto miss;
            break;
        case LENGTH:
            if (PyObject_Size(a) != (o->b ? PyObject_Size(b) : o->n))
                goto miss;
            break;
        case EACH: {  // of a dict, list or tuple (o->n) is the same object as in the tuple b
            long k = 0, n = PyObject_Size(b), position = 0;
            if (PyObject_Size(a) != n)
                goto miss;
            for (; k < n; k++) {
                if (o->n == 0 ? !PyDict_Next(a, &position, &x, &y) :
                    !(x = o->n == 1 ? PyList_GetItem(a, k) : PyTuple_GetItem(a, k)))
                    goto miss;
                if (x != PyTuple_GetItem(b, k))
                    goto miss;
            }
            break;
        }
        case SHAPE: {  // and dtype, of an array
            const struct array *array = (void *)a;
            const struct kind *kind = (void *)(table + o->n);
            if (a->type != ndarray || array->ndim != kind->ndim || (void *)array->dtype != (void *)b)
                goto miss;
            for (int k = 0; k < kind->ndim; k++)
                if (array->shape[k] != kind->shape[k])
                    goto miss;
            break;
        }
        case APART:  // an array that is not, and does not share the memory of, one of those that are written to
            for (long k = o->n; (x = (object *)table[k]); k++)
                if (x == a || x == ((struct array *)a)->base)
                    goto miss;
            break;
        case EQUAL:
            if (PyObject_RichCompareBool(a, b, 2) != 1)
                goto miss;
            break;
        case CONTEXT:  // the value of a context variable, which the context holds
            if (PyContextVar_Get(a, 0, &x))
                goto miss;
            r[o->to] = x ? KEEP(x) : none;
            break;
        case CALL: {  // a function of Python, with the registers that are listed at table[n], after their number
            const long n = table[o->n], *from = table + o->n + 1;
            object *xs[n + 1];
            for (long k = 0; k < n; k++)
                xs[k] = r[from[k]];
            if (!(x = PyObject_Vectorcall(a, xs, n, 0)))
                goto miss;
            r[o->to] = KEEP(x);
            if (x == none)
                goto miss;
            break;
        }
        case READ:  // the registers again, but those that are listed at table[n]
            if (!c->valid)
                goto miss;
            memcpy(again, r, c->registers * sizeof *r);
            memcpy(r, table + c->to_registers, c->registers * sizeof *r);
            r[0] = args[0], r[1] = args[1];
            for (long k = 1; k <= table[o->n]; k++)
                r[table[o->n + k]] = again[table[o->n + k]];
            break;
        case UPDATE:  // a dict
            PyDict_Update(a, b);
            break;
        case RUN:
            at[0] = c->memory;
            for (int k = 0; k < c->size; k++) {
                const struct argument *from = &arguments[k];
                if (from->from == 1)
                    at[k + 1] = results[from->k].is_number ? (void *)&numbers[2 * from->k] :
                        ((struct array *)out[from->k])->data;
                else if (from->from == 2)
                    at[k + 1] = (void *)from->k;
                else if (r[from->k]->type == python_int) {
                    integers[k] = PyLong_AsLongLong(r[from->k]);
                    if (from->kind.dtype != INT64 || from->kind.ndim || integers[k] == -1 && PyErr_Occurred())
                        goto miss;
                    at[k + 1] = &integers[k];
                } else if (!(at[k + 1] = memory_of(r[from->k], &from->kind)))
                    goto miss;
            }
            break;
        case START:
            c->run(at);
            break;
        case NEXT:
            if (!(r[o->to] = PyIter_Next(a)))
                goto error;
            KEEP(r[o->to]);
            break;
        case SET:  // a slot
            KEEP(*slot ? *slot : new(none));
            *slot = new(b);
            break;
        case EARLIEST:  // the first entry of a list is at most b
            if (PyObject_RichCompareBool(b, PyList_GetItem(a, 0), 0) == 1)
                PyList_SetItem(a, 0, new(b));
            break;
        case RESULT:
            r[o->to] = out[o->n] ? out[o->n] : KEEP(new_number(&numbers[2 * o->n], results[o->n].dtype, 0));
            if (!r[o->to])
                goto error;
            break;
        case VIEW: {  // of an array: its axes, then the lengths and strides, and the offset
            const long ndim = table[o->n], *shape = table + o->n + 1, *strides = shape + ndim;
            const struct array *array = (void *)a;
            x = new_array(ndarray, ndim, shape, array->dtype->number, strides, array->data + strides[ndim], 0, 0x400, 0);
            if (!x)
                goto error;
            r[o->to] = KEEP(x);
            if (set_base(x, new(a)))
                goto error;
            break;
        }
        case TENSOR: {  // of type a, with the array b; its slots are at table[n]
            const long *slots = table + o->n;
            if (!(x = PyType_GenericAlloc(a, 0)))
                goto error;
            *(object **)((char *)x + slots[0]) = new(b);
            *(object **)((char *)x + slots[1]) = new(none);
            *(object **)((char *)x + slots[2]) = new(none);
            r[o->to] = KEEP(x);
            break;
        }
        case TUPLE: case LIST: {  // of the registers that are listed at table[n], after their number
            const long n = table[o->n], *from = table + o->n + 1;
            if (!(x = o->code == TUPLE ? PyTuple_New(n) : PyList_New(n)))
                goto error;
            for (long k = 0; k < n; k++)
                (o->code == TUPLE ? PyTuple_SetItem : PyList_SetItem)(x, k, new(r[from[k]]));
            r[o->to] = KEEP(x);
            break;
        }
        case DICT:  // with the keys a
            if (!(x = PyDict_New()))
                goto error;
            r[o->to] = KEEP(x);
            for (long k = 0; k < table[o->n]; k++)
                if (PyDict_SetItem(x, PyTuple_GetItem(a, k), r[table[o->n + 1 + k]]))
                    goto error;
            break;
        case RETURN:
            new(a);
            release(c, kept, held);
            return a;
        }
    }
error:
    release(c, kept, held);
    return 0;
miss:
    PyErr_Clear();
    release(c, kept, held);
python:
    return PyObject_Vectorcall(c->python, args, count, 0);
}
