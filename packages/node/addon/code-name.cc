#include "code-name.h"

#include <cctype>
#include <cstdlib>

#include "printable.h"

namespace sonde {
namespace {

bool StartsWith(std::string_view text, std::string_view with) { return text.substr(0, with.size()) == with; }

// Takes `:123` off the end; 0 where there is none.
int TakeNumber(std::string_view& text) {
  size_t digits = text.size();
  while (digits > 0 && isdigit(static_cast<unsigned char>(text[digits - 1]))) digits--;
  if (digits == text.size() || digits == 0 || text[digits - 1] != ':') return 0;
  int number = atoi(std::string(text.substr(digits)).c_str());
  text = text.substr(0, digits - 1);
  return number;
}

// Where the script's name begins. Both names may have spaces: a getter's, a folder's. What scripts'
// names begin with tells most.
size_t ScriptStart(std::string_view text) {
  // The script has no name, and the function's may be anything.
  if (!text.empty() && text.back() == ' ') return text.size() - 1;
  for (std::string_view start : {" /", " file:", " node:", " evalmachine.", " [", " data:", " blob:"}) {
    size_t found = text.find(start);
    if (found != text.npos) return found;
  }
  size_t from = StartsWith(text, "get ") || StartsWith(text, "set ") ? 4 : 0;
  return text.find(' ', from);
}

// The path of a URL of a file, its bytes as they are on disk.
std::string FilePath(std::string_view url) {
  std::string path;
  for (size_t i = 0; i < url.size(); i++) {
    if (url[i] == '%' && i + 2 < url.size() && isxdigit(url[i + 1]) && isxdigit(url[i + 2])) {
      path += static_cast<char>(strtol(std::string(url.substr(i + 1, 2)).c_str(), nullptr, 16));
      i += 2;
    } else {
      path += url[i];
    }
  }
  return path;
}

// `js-to-wasm:ii:i`: what calls WebAssembly from JavaScript, by its signature.
std::string WrapperName(std::string_view name) { return std::string(name.substr(0, name.find(':'))); }

CodeName WasmName(std::string_view name) {
  // `add-3-liftoff`, or `wasm-function[3]-3-turbofan` where the module has no names.
  std::string_view tierless = name.substr(0, name.rfind('-'));
  size_t dash = tierless.rfind('-');
  if (dash == tierless.npos) return {"wasm:" + std::string(name), "", 0, 0};
  std::string function(tierless.substr(0, dash));
  if (StartsWith(function, "wasm-function[")) return {"wasm:" + function.substr(5), "", 0, 0};
  return {"wasm:" + function + "[" + std::string(tierless.substr(dash + 1)) + "]", "", 0, 0};
}

}  // namespace

CodeName ReadName(std::string_view name, bool is_wasm) {
  size_t colon = name.find(':');
  std::string_view tag = name.substr(0, colon == name.npos ? 0 : colon);
  std::string_view rest = colon == name.npos ? name : name.substr(colon + 1);
  if (is_wasm) return WasmName(rest);
  if (tag == "Builtin" || tag == "BytecodeHandler") return {"builtin:" + std::string(rest), "", 0, 0};
  // JavaScript by these tags; LazyCompile and Function are those of Node.js 20's first versions.
  bool whole = tag == "Script" || tag == "Eval";
  if (StartsWith(rest, "js-to-wasm")) return {"wasm:" + WrapperName(rest), "", 0, 0};
  if (!whole && tag != "JS" && tag != "Function" && tag != "LazyCompile") {
    return {"v8:" + std::string(tag.empty() ? rest : name), "", 0, 0};
  }
  // The tier: ~ interpreted, ^ baseline, + Maglev, * TurboFan, o of a loop that ran, ' of a
  // function that is compiled for one context.
  while (!rest.empty() && (rest[0] == '~' || rest[0] == '^' || rest[0] == '+' || rest[0] == '*' || rest[0] == '\'' ||
                           (rest[0] == 'o' && rest.size() > 1 && (rest[1] == '+' || rest[1] == '*')))) {
    rest.remove_prefix(1);
  }
  CodeName result;
  result.column = TakeNumber(rest);
  result.line = TakeNumber(rest);
  if (result.line == 0) {
    // One number only, or none, is a line.
    result.line = result.column;
    result.column = 0;
  }
  size_t start = ScriptStart(rest);
  std::string_view function = rest.substr(0, start);
  std::string_view script = start == rest.npos ? std::string_view() : rest.substr(start + 1);
  if (StartsWith(script, "file://")) {
    result.script = FilePath(script.substr(7));
  } else {
    // What has no name was made of text, by eval or new Function.
    result.script = script.empty() ? "eval" : std::string(script);
  }
  if (StartsWith(result.script, "wasm://")) return {"wasm:" + WrapperName(function), "", 0, 0};
  // The whole of a script, or the function that Node.js puts around a file.
  bool all = whole || (result.line == 1 && result.column == 1);
  if (!function.empty()) {
    result.function = function;
  } else {
    result.function = !all ? "<anonymous>" : result.script == "eval" ? "<eval>" : "<module>";
  }
  return result;
}

std::string CodeName::Text() const {
  std::string text = function;
  if (!script.empty()) text += " " + script;
  if (line > 0) text += ":" + std::to_string(line);
  return Printable(text);
}

}  // namespace sonde
