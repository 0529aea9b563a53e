#pragma once
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace sonde {

// Tells that one of some files was opened, by whatever process: with Linux's inotify(7), of which a
// process takes one instance, and only where many are left. Elsewhere it tells nothing. All threads
// share it.
class FileOpens {
 public:
  class Listener {
   public:
    // A file of some listener was opened, or nobody reads any more what the kernel tells.
    virtual void Wake() = 0;

   protected:
    ~Listener() = default;
  };

  static FileOpens& The();

  // The files of a listener from now on. Those that cannot be watched are not.
  void Watch(Listener* listener, const std::vector<std::string>& files);
  // It is gone.
  void Forget(Listener* listener);
  // The descriptor that becomes readable when a file is opened, if this is the listener that is to
  // call Read then; or −1. It has files itself.
  int Reader(Listener* listener);
  // Whether there was anything of a file that was opened. Does not wait.
  bool Read();
  void WakeAll();

 private:
  struct Watched {
    int descriptor;
    size_t listeners;
  };

  // Whether it is watched.
  bool Add(const std::string& file);
  void Remove(const std::string& file);
  void LetOthersRead(Listener* listener);

  std::mutex mutex_;
  // Whether `instance_` is still what was opened: programs close descriptors that are not theirs.
  bool IsOpen() const;

  int instance_ = -1;
  // A process tries once to get one.
  bool was_opened_ = false;
  std::map<std::string, Watched> watched_;
  std::map<Listener*, std::vector<std::string>> listeners_;
  Listener* reader_ = nullptr;
};

}  // namespace sonde
