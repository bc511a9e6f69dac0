// Reads a tokenizer.json's vocabulary in one pass: {"token": id, ...} in UTF-8 becomes tokens in UTF-16, ids and a hash
// table, as in vocabulary.ts. build.js compiles this file into src/tokenizer/vocabulary-wasm.ts. The code runs once,
// before the host optimizes it. So its inner loop is short, and a zero behind the text marks the end. It is one
// function, because the host compiles each function at its first call.
#include <stdint.h>

#define EXPORT(NAME) __attribute__((export_name(#NAME))) NAME
#define ONE_BY_ONE _Pragma("clang loop unroll(disable)")
enum { NONE = -1, MOST_DIGITS = 9 };
extern unsigned char __heap_base;

// The bytes that a token holds unchanged: ASCII except control characters, the quote and the backslash.
static const uint8_t plain[256] = {[0x20 ... 0x21] = 1, [0x23 ... 0x5b] = 1, [0x5d ... 0x7f] = 1};

static const uint8_t *skip_space(const uint8_t *at) {
  while (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t') at++;
  return at;
}

// Returns the code point of the two to four bytes at `*at`, and moves `*at` past them; 0 where the bytes are not UTF-8.
static uint32_t code_point(const uint8_t **at) {
  const uint8_t *next = *at;
  const uint32_t lead = *next++;
  const int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  uint32_t code = lead & (0x3f >> more);
  for (int i = 0; i < more; i++) {
    if ((*next & 0xc0) != 0x80) return 0;
    code = code << 6 | (*next++ & 0x3f);
  }
  *at = next;
  const uint32_t least = more == 1 ? 0x80 : more == 2 ? 0x800 : 0x10000;
  return code < least || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? 0 : code;
}

// Returns the UTF-16 unit of the escape whose backslash precedes `*at`, and moves `*at` past the escape.
static int32_t escaped(const uint8_t **at) {
  switch (*(*at)++) {
    case '"': return '"';
    case '\\': return '\\';
    case '/': return '/';
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'u': break;
    default: return NONE;
  }
  int32_t unit = 0;
  for (int i = 0; i < 4; i++) {
    const int c = **at, letter = c | 0x20;
    if (c >= '0' && c <= '9') unit = unit << 4 | (c - '0');
    else if (letter >= 'a' && letter <= 'f') unit = unit << 4 | (letter - 'a' + 10);
    else return NONE;
    (*at)++;
  }
  return unit;
}

static int same(const uint16_t *units, const int32_t *starts, int32_t one, int32_t other) {
  const int32_t length = starts[one + 1] - starts[one];
  if (starts[other + 1] - starts[other] != length) return 0;
  for (int32_t i = 0; i < length; i++) {
    if (units[starts[one] + i] != units[starts[other] + i]) return 0;
  }
  return 1;
}

void *EXPORT(heap_base)(void) { return &__heap_base; }

// text: from the object's brace on, with a zero behind it. units: room for as many as `text` has bytes; starts, ids,
// hashes: for a fifth of that plus one. places: room for the places of that many tokens. The hash table finds the last
// of two equal tokens. Returns the number of tokens, or NONE for anything but an object of whole numbers. `found`
// receives the object's bytes, the longest token's units and the largest id.
int32_t EXPORT(scan)(const uint8_t *text, uint16_t *units, int32_t *starts, int32_t *ids, uint32_t *hashes, int32_t *places, int32_t *found) {
  const uint8_t *at = text + 1;
  uint16_t *to = units;
  int32_t count = 0, longest = 0, largest = NONE;
  for (;; at++) {
    at = skip_space(at);
    if (*at++ != '"') return NONE;
    uint32_t hash = 0x811c9dc5;
    const uint16_t *const from = to;
    for (;;) {
      uint32_t unit;
      for (; plain[unit = *at]; at++) {
        *to++ = (uint16_t)unit;
        hash = (hash ^ unit) * 0x01000193;
      }
      if (unit == '"') break;
      if (unit >= 0x80) {
        unit = code_point(&at);
        if (unit == 0) return NONE;
        if (unit > 0xffff) {
          const uint32_t high = 0xd7c0 + (unit >> 10);
          *to++ = (uint16_t)high;
          hash = (hash ^ high) * 0x01000193;
          unit = 0xdc00 | (unit & 0x3ff);
        }
      } else {
        if (unit != '\\') return NONE;
        at++;
        const int32_t meant = escaped(&at);
        if (meant == NONE) return NONE;
        unit = (uint32_t)meant;
      }
      *to++ = (uint16_t)unit;
      hash = (hash ^ unit) * 0x01000193;
    }
    at = skip_space(at + 1);
    if (*at++ != ':') return NONE;
    at = skip_space(at);
    const uint8_t *digits = at;
    int32_t id = 0;
    ONE_BY_ONE for (; at - digits < MOST_DIGITS && *at >= '0' && *at <= '9'; at++) id = 10 * id + (*at - '0');
    if (at == digits || (*digits == '0' && at - digits > 1)) return NONE;
    at = skip_space(at);
    starts[count] = (int32_t)(from - units);
    ids[count] = id;
    hashes[count++] = hash;
    if (to - from > longest) longest = to - from;
    if (id > largest) largest = id;
    if (*at != ',') break;
  }
  if (*at != '}') return NONE;
  starts[count] = (int32_t)(to - units);
  found[0] = (int32_t)(at + 1 - text);
  found[1] = longest;
  found[2] = largest;

  uint32_t mask = 1;
  while (mask < 2 * (uint32_t)count) mask = 2 * mask + 1;
  // The memory holds zeros already. But a page that is read before it is written is allocated twice, and all processors
  // must then drop the first page.
  for (uint32_t place = 0; place <= mask; place++) places[place] = 0;
  for (int32_t n = 0; n < count; n++) {
    const uint32_t hash = hashes[n];
    uint32_t place = (hash ^ hash >> 15) & mask;
    for (int32_t other; (other = places[place]) != 0; place = (place + 1) & mask) {
      if (hashes[other - 1] == hash && same(units, starts, other - 1, n)) break;
    }
    places[place] = n + 1;
  }
  return count;
}
