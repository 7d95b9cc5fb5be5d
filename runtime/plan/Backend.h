//===- Backend.h - what a plan needs from a device --------------*- C++ -*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A plan is the same for all devices: a sequence of kernel launches by name over slices of a
// workspace. A backend loads and launches. Two exist: runtime/cpu/ and runtime/cuda/.
//
//===----------------------------------------------------------------------===//
#ifndef CCE_RUNTIME_PLAN_BACKEND_H
#define CCE_RUNTIME_PLAN_BACKEND_H

#include "runtime/kernels/Bindings.h"
#include "runtime/kernels/KernelRequest.h"
#include "runtime/kernels/Manifest.h"
#include "runtime/support/Status.h"

#include <functional>
#include <memory>
#include <string>

namespace cce::rt {

/// A kernel that can be launched; each backend derives its own.
class Kernel {
public:
  explicit Kernel(Manifest manifest) : manifestValue(std::move(manifest)) {}
  virtual ~Kernel() = default;
  const Manifest &manifest() const { return manifestValue; }

private:
  Manifest manifestValue;
};

using KernelPtr = std::shared_ptr<const Kernel>;

/// May be used from several threads at once.
class Backend {
public:
  virtual ~Backend() = default;

  virtual cce_device device() const = 0;
  /// "cpu" or "sm_90a": the target of kernel requests.
  virtual std::string_view target() const = 0;
  /// One line for people, without the reason for a fallback.
  virtual std::string description() const = 0;
  /// Device, driver and all else that timings depend on: part of the key of the tuning table.
  virtual std::string tuningKey() const = 0;
  /// How many workers share a kernel: multiprocessors, or threads.
  virtual int parallelism() const = 0;
  /// Whether launches run to their end before they return, on memory that the host can read.
  virtual bool synchronous() const = 0;

  /// Compiles or finds a kernel. A name of docs/architecture.md's second table is a kernel too.
  virtual Expected<KernelPtr> loadKernel(const KernelRequest &request) = 0;

  /// Enqueues a kernel. `tiles`: how many tiles there are to share; no more workers are started.
  virtual Status launch(const Kernel &kernel, const Bindings &bindings, int64_t tiles,
                        void *stream) = 0;

  /// Enqueues writing zeros to every element of a matrix (never between its rows).
  virtual Status zero(const BufferBinding &matrix, void *stream) = 0;

  /// Enqueues writing one number to `count` places.
  virtual Status fill(float *memory, float value, int64_t count, void *stream) = 0;

  /// Whether kernels can read and write matrices of these strides in place.
  virtual bool supportsLayout(const BufferBinding &matrix) const = 0;
  /// Fails if the memory can not be used by this device, or is not aligned to `alignment` bytes.
  virtual Status checkPointer(std::string_view name, const void *pointer,
                              size_t alignment) const = 0;

  virtual Expected<void *> allocate(size_t bytes) = 0;
  virtual void free(void *memory) = 0;
  /// Waits for earlier work on the stream and for the copy.
  virtual Status copyToDevice(void *destination, const void *source, size_t bytes,
                              void *stream) = 0;
  virtual Status copyToHost(void *destination, const void *source, size_t bytes, void *stream) = 0;
  virtual Status synchronize(void *stream) = 0;
  /// How long the device works on what `work` enqueues on the stream; waits for it.
  virtual Expected<double> milliseconds(const std::function<Status()> &work, void *stream) = 0;
};

} // namespace cce::rt

#endif // CCE_RUNTIME_PLAN_BACKEND_H
