#pragma once
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

namespace sonde {

// Why something could not be done, in words for status().
struct Failure {
  std::string reason;
  // Of the system call that failed; 0 where it was none.
  int code = 0;
};

// What failed, with the system's reason for it.
inline Failure SystemFailure(const std::string& what) {
  int code = errno;
  return {what + ": " + strerror(code), code};
}

// What a function made, or why it made nothing.
template <typename T>
class Result {
 public:
  Result(T value) : value_(std::move(value)) {}
  Result(Failure failure) : failure_(std::move(failure)) {}

  explicit operator bool() const { return value_.has_value(); }
  T& operator*() { return *value_; }
  T* operator->() { return &*value_; }
  const Failure& failure() const { return failure_; }

 private:
  std::optional<T> value_;
  Failure failure_;
};

}  // namespace sonde
