#include "printable.h"

#include <cstdint>
#include <cstdio>

namespace sonde {
namespace {

// How many bytes the character at the beginning has, and which it is; 0 where these are no UTF-8.
size_t Decode(std::string_view text, uint32_t& character) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  size_t length = byte(0) < 0x80 ? 1 : byte(0) < 0xc2 ? 0 : byte(0) < 0xe0 ? 2 : byte(0) < 0xf0 ? 3 : byte(0) < 0xf5 ? 4 : 0;
  if (length == 0 || length > text.size()) return 0;
  character = length == 1 ? byte(0) : byte(0) & (0x7f >> length);
  for (size_t i = 1; i < length; i++) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    character = character << 6 | (byte(i) & 0x3f);
  }
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  bool is_character = character >= kLeast[length] && character < 0x110000 && (character < 0xd800 || character > 0xdfff);
  return is_character ? length : 0;
}

bool IsControl(uint32_t character) {
  return character < 0x20 || (character >= 0x7f && character < 0xa0) || character == 0x2028 || character == 0x2029;
}

}  // namespace

std::string Printable(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    uint32_t character = static_cast<unsigned char>(text[0]);
    size_t length = Decode(text, character);
    if (length > 0 && !IsControl(character)) {
      result += text.substr(0, length);
    } else {
      char escaped[8];
      if (length == 0) character = static_cast<unsigned char>(text[0]);
      snprintf(escaped, sizeof escaped, character < 0x100 ? "\\x%02x" : "\\u%04x", character);
      result += escaped;
    }
    text.remove_prefix(length > 0 ? length : 1);
  }
  return result;
}

}  // namespace sonde
