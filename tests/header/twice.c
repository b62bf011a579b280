/* Compiled, as C and as C++, with every warning an error. The layouts hold in each of them. */
#include <wsgiserver.h>
#include <wsgiserver.h>

#ifdef __cplusplus
#define CHECK(condition) static_assert(condition, #condition)
#elif __STDC_VERSION__ >= 201112L
#define CHECK(condition) _Static_assert(condition, #condition)
#else
#define CHECK(condition) struct check
#endif

#define STRUCT(name, size) CHECK(sizeof(name) == (size));
#define FIELD(type, name, offset, size) CHECK(offsetof(type, name) == (offset));
#include "../c/layout.h"
