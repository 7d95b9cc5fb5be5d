//===- Context.cpp - opening devices and making plans ---------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/api/Context.h"

#include "runtime/cpu/CpuBackend.h"
#include "runtime/cuda/CudaBackend.h"

namespace cce::rt {

namespace {

constexpr int32_t mostThreads = 4096;

Expected<std::shared_ptr<Backend>> openCuda(const cce_context_desc &desc,
                                            const Environment &environment,
                                            std::shared_ptr<KernelCompiler> compiler,
                                            std::shared_ptr<DiskCache> disk) {
  CCE_ASSIGN_OR_RETURN(std::shared_ptr<const cuda::Driver> driver,
                       cuda::loadDriver(environment.opener));
  CCE_ASSIGN_OR_RETURN(std::shared_ptr<const cuda::CudaDevice> device,
                       cuda::CudaDevice::open(std::move(driver), desc.device_ordinal));
  return std::shared_ptr<Backend>(std::make_shared<cuda::CudaBackend>(
      std::move(device), std::move(compiler), std::move(disk), environment.warn));
}

} // namespace

Environment Environment::system() {
  return {cuda::systemLibraryOpener(), createInProcessCompiler, stderrWarnings()};
}

Expected<std::unique_ptr<cce_context>> createContext(const cce_context_desc &desc,
                                                     const Environment &environment) {
  if (desc.struct_size != sizeof(cce_context_desc))
    return makeError(CCE_INVALID_ARGUMENT, "desc.struct_size: expected ", sizeof(cce_context_desc),
                     " (call cce_context_desc_init first), got ", desc.struct_size);
  if (desc.device < CCE_DEVICE_AUTO || desc.device > CCE_DEVICE_CUDA)
    return makeError(CCE_INVALID_ARGUMENT, "desc.device: expected auto (0), cpu (1) or cuda (2)",
                     ", got ", int(desc.device));
  if (desc.device_ordinal < 0)
    return makeError(CCE_INVALID_ARGUMENT, "desc.device_ordinal: expected a number >= 0, got ",
                     desc.device_ordinal);
  if (desc.cpu_threads < 0 || desc.cpu_threads > mostThreads)
    return makeError(CCE_INVALID_ARGUMENT, "desc.cpu_threads: expected a number in [0, ",
                     mostThreads, "], got ", desc.cpu_threads);

  std::shared_ptr<KernelCompiler> compiler = environment.compiler();
  auto disk = std::make_shared<DiskCache>(DiskCache::defaultRoot(desc.cache_dir), environment.warn);
  auto context = std::make_unique<cce_context>();
  context->warn = environment.warn;
  context->tuning = std::make_shared<TuningTable>(
      disk->enabled() ? disk->path() / "tuning.json" : "", environment.warn);

  std::string whyNoGpu;
  if (desc.device != CCE_DEVICE_CPU) {
    Expected<std::shared_ptr<Backend>> cuda = openCuda(desc, environment, compiler, disk);
    if (cuda.ok())
      context->backend = *cuda;
    else if (desc.device == CCE_DEVICE_CUDA)
      return std::move(cuda).status();
    else
      whyNoGpu = cuda.status().message();
  }
  if (!context->backend && !compiler->supports("cpu"))
    return makeError(CCE_UNAVAILABLE, "this build has no CPU target",
                     whyNoGpu.empty() ? "" : "; no GPU: " + whyNoGpu);
  if (!context->backend)
    context->backend =
        std::make_shared<CpuBackend>(compiler, disk, environment.warn, desc.cpu_threads);
  context->description = context->backend->description();
  if (!whyNoGpu.empty())
    context->description += "; no GPU: " + whyNoGpu;
  return context;
}

Expected<std::unique_ptr<cce_plan>> createPlan(cce_context &context, const cce_problem &problem) {
  CCE_ASSIGN_OR_RETURN(Problem checked, Problem::check(problem));
  Choices choices = context.tuning->best(context.backend->tuningKey(), checked.tuningKey());
  auto plan = std::make_unique<cce_plan>();
  plan->context = &context;
  const bool tuned = !choices.configs.empty();
  auto created = Plan::create(context.backend, checked, std::move(choices));
  if (!created.ok() && tuned) {
    Status status = created.status();
    created = Plan::create(context.backend, std::move(checked), {});
    if (created.ok())
      context.warn("tuned configuration not used: " + status.message());
  }
  CCE_ASSIGN_OR_RETURN(plan->plan, std::move(created));
  return plan;
}

} // namespace cce::rt
