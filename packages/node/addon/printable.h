#pragma once
#include <string>
#include <string_view>

namespace sonde {

// A text as it may be printed in a line of a file or a terminal: what would end the line, or
// control the terminal, is written as `\x1b` or `\u2028`, and so is what is no UTF-8. A function's
// name may hold any character.
std::string Printable(std::string_view text);

}  // namespace sonde
