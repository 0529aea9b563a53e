#pragma once
#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sonde {

// A file under a name that everybody knows, in a folder that belongs to everybody: it is ours only
// if we made it. V8 makes files of the same names, also in processes of other PID namespaces that
// have our number and the same /tmp; and other users may have put there whatever they like. So
// nothing that is there already is opened to write, and nothing is removed or replaced that a
// living process may still need.
//
// What returns a text returns what went wrong, empty where nothing did.
class MadeFile {
 public:
  // Makes it, readable and writable by us alone. What is there is replaced only if it is a file of
  // ours, older than this process, that no process has open to write: what a dead process left, of
  // which we have the number.
  std::string Make(const std::string& path);
  bool IsMade() const { return file_ >= 0; }

  // Both write all of it or, where that fails, nothing.
  std::string Append(std::string_view text);
  std::string Replace(std::string_view text);

  // Somebody has removed it, as what keeps /tmp small does: Replace makes it again.
  bool IsGone();
  // Somebody else has changed or replaced it: then it is not ours any more, and is to be left
  // alone.
  bool IsLost();
  std::string WhyLost() const;

  int descriptor() const { return file_; }
  uint64_t size() const { return size_; }

  // Without removing it.
  void Close();
  void Remove();

 private:
  std::string Own(const std::string& path, int file);
  bool Name(const std::string& temporary);

  std::string path_;
  // Kept open also while nothing is written, so that other processes see that it is used; and no
  // other file can have its inode's number.
  int file_ = -1;
  uint64_t size_ = 0;
  bool is_lost_ = false;
};

}  // namespace sonde
