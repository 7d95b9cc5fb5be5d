//===- CacheTest.cpp - kernels on disk and in memory ----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/cache/DiskCache.h"
#include "runtime/support/Files.h"
#include "test/unit/TestContext.h"

#include <cstdlib>
#include <fstream>
#include <sys/wait.h>
#include <unistd.h>

namespace cce::rt::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::SizeIs;

class CacheTest : public ::testing::Test {
protected:
  DiskCache open() { return DiskCache(folder.path() / "cache", warnings.sink()); }
  fs::path entryPath(const std::string &key) { return folder.path() / "cache" / "kernels" / key; }
  void overwrite(const fs::path &path, const std::string &content) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
  }

  TemporaryFolder folder;
  Warnings warnings;
  const std::string key = DiskCache::key("description");
  const CacheEntry entry{std::string("code\0with\xff zero", 15), "{}", "cubin"};
};

TEST_F(CacheTest, whatWasStoredIsFound) {
  DiskCache cache = open();
  EXPECT_FALSE(cache.lookup(key));
  cache.store(key, "description", entry);
  auto found = cache.lookup(key);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->code, entry.code);
  EXPECT_EQ(found->manifest, entry.manifest);
  EXPECT_EQ(found->cubin, entry.cubin);
  EXPECT_FALSE(cache.lookup(DiskCache::key("other description")));
  EXPECT_TRUE(fs::exists(entryPath(key) / "manifest.json"));
  // Nothing temporary is left behind.
  EXPECT_EQ(std::distance(fs::directory_iterator(entryPath(key).parent_path()), {}), 1);
  EXPECT_THAT(warnings.list, SizeIs(0));
}

TEST_F(CacheTest, damagedEntriesAreMissesAndGetReplaced) {
  int expectedWarnings = 0;
  for (const char *file : {"code", "manifest.json", "cubin", "entry.json"}) {
    DiskCache cache = open();
    cache.store(key, "description", entry);
    ASSERT_TRUE(cache.lookup(key));
    overwrite(entryPath(key) / file, "damaged");
    EXPECT_FALSE(cache.lookup(key)) << file;
    ASSERT_THAT(warnings.list, SizeIs(++expectedWarnings));
    EXPECT_THAT(warnings.list.back(), HasSubstr("is not usable, compiling again"));
    EXPECT_THAT(warnings.list.back(), HasSubstr(file));
    cache.store(key, "description", entry);
    EXPECT_TRUE(cache.lookup(key)) << file;
    fs::remove(entryPath(key) / file);
    EXPECT_FALSE(cache.lookup(key)) << file;
    ++expectedWarnings;
  }
}

TEST_F(CacheTest, cutFilesAreDamaged) {
  DiskCache cache = open();
  cache.store(key, "description", entry);
  fs::resize_file(entryPath(key) / "code", 3);
  EXPECT_FALSE(cache.lookup(key));
  fs::resize_file(entryPath(key) / "entry.json", 0);
  EXPECT_FALSE(cache.lookup(key));
}

TEST_F(CacheTest, aFolderThatCanNotBeWrittenIsOneWarning) {
  // A file where the folder should be: also root, who may write anywhere, fails here.
  overwrite(folder.path() / "cache", "a file");
  DiskCache cache = open();
  EXPECT_FALSE(cache.lookup(key));
  for (int i = 0; i < 3; ++i)
    cache.store(key, "description", entry);
  ASSERT_THAT(warnings.list, SizeIs(1));
  EXPECT_THAT(warnings.list[0], HasSubstr("compiled kernels are not kept on disk: can not create"));
}

TEST_F(CacheTest, aFullDiskIsOneWarning) {
  // /dev/full takes nothing; the temporary folder's name is not known beforehand, so check the
  // function that writes every file.
  Status status = writeFile("/dev/full", "content");
  EXPECT_EQ(status.code(), CCE_RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.message(), HasSubstr("No space left on device"));
}

TEST_F(CacheTest, twoProcessesAtOnce) {
  std::vector<pid_t> children;
  for (int child = 0; child < 4; ++child) {
    const pid_t pid = fork();
    if (pid == 0) {
      int bad = 0;
      Warnings none;
      for (int i = 0; i < 100; ++i) {
        DiskCache cache(folder.path() / "cache", none.sink());
        const std::string description = std::to_string(i % 3);
        const std::string each = DiskCache::key(description);
        const CacheEntry content{"code " + description, "manifest", ""};
        if (auto found = cache.lookup(each); found && found->code != content.code)
          ++bad;
        cache.store(each, description, content);
      }
      _exit(bad + int(none.list.size()));
    }
    children.push_back(pid);
  }
  for (pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  DiskCache cache = open();
  EXPECT_TRUE(cache.lookup(DiskCache::key("0")));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path() / "cache" / "kernels"), {}), 3);
}

TEST_F(CacheTest, folderFromTheEnvironment) {
  auto with = [](const char *cce, const char *xdg, const char *home, const char *requested) {
    for (auto [name, value] : {std::pair("CCE_CACHE_DIR", cce), std::pair("XDG_CACHE_HOME", xdg),
                               std::pair("HOME", home)})
      value ? setenv(name, value, 1) : unsetenv(name);
    return DiskCache::defaultRoot(requested).string();
  };
  const char *home = getenv("HOME");
  const std::string saved = home ? home : "";
  EXPECT_EQ(with("/cce", "/xdg", "/home/me", "/mine"), "/mine");
  EXPECT_EQ(with("/cce", "/xdg", "/home/me", nullptr), "/cce");
  EXPECT_EQ(with(nullptr, "/xdg", "/home/me", nullptr), "/xdg/cce");
  EXPECT_EQ(with(nullptr, "", "/home/me", nullptr), "/home/me/.cache/cce");
  EXPECT_EQ(with(nullptr, nullptr, nullptr, nullptr), "");
  EXPECT_EQ(with("/cce", nullptr, nullptr, ""), "");
  EXPECT_EQ(with("", nullptr, "/home/me", nullptr), ""); // also switches the cache off
  with(nullptr, nullptr, saved.empty() ? nullptr : saved.c_str(), nullptr);
  DiskCache off("", warnings.sink());
  off.store(key, "description", entry);
  EXPECT_FALSE(off.lookup(key));
  EXPECT_THAT(warnings.list, SizeIs(0));
}

/// Plans on the CPU with a cache.
class CachedPlans : public CpuFixture {
protected:
  void SetUp() override {
    cce_problem_init(&problem), problem.tokens = problem.hidden = problem.vocab = 8;
  }
  void openAndPlan() {
    open(1, folder.path().string());
    EXPECT_EQ(planError(problem), "");
  }
  TemporaryFolder folder;
  cce_problem problem;
};

TEST_F(CachedPlans, compileOnce) {
  openAndPlan();
  const int compiled = compiler->compiled, loaded = compiler->loaded;
  EXPECT_EQ(compiled, 4);
  EXPECT_EQ(planError(problem), ""); // from memory
  EXPECT_EQ(compiler->loaded, loaded);
  openAndPlan(); // from disk
  EXPECT_EQ(compiler->compiled, compiled);
  EXPECT_EQ(compiler->loaded, 2 * loaded);
  compiler->versionText = "fake 2";
  openAndPlan();
  EXPECT_EQ(compiler->compiled, 2 * compiled);
  problem.softcap = 5; // another transform, in the two kernels that know logits
  EXPECT_EQ(planError(problem), "");
  EXPECT_EQ(compiler->compiled, 2 * compiled + 2);
  EXPECT_THAT(warnings.list, SizeIs(0));
}

TEST_F(CachedPlans, codeThatDoesNotLoadIsCompiledAgain) {
  // Intact for the cache, but of another kernel or with a manifest that is none.
  compiler->adjust = [](const KernelRequest &request, KernelCode &code) {
    if (request.kernel == "lse_forward")
      code.code = "lse_forward f64";
  };
  open(1, folder.path().string());
  EXPECT_THAT(planError(problem), HasSubstr("INTERNAL: kernel 'lse_forward' (cpu, bf16, default): "
                                            "no such fake code"));
  compiler->adjust = nullptr;
  openAndPlan();
  // Write bad code in place of the good one, with right hashes.
  DiskCache cache(folder.path(), warnings.sink());
  for (const auto &each : fs::directory_iterator(folder.path() / "kernels")) {
    const std::string name = each.path().filename();
    auto found = cache.lookup(name);
    ASSERT_TRUE(found);
    found->code = "damaged by the compiler of yesterday";
    cache.store(name, "", *found);
  }
  const int compiled = compiler->compiled;
  openAndPlan();
  EXPECT_EQ(compiler->compiled, compiled + 4);
  ASSERT_THAT(warnings.list, SizeIs(4));
  EXPECT_THAT(warnings.list[0], HasSubstr("does not load, compiling again"));
  openAndPlan();
  EXPECT_EQ(compiler->compiled, compiled + 4);
}

TEST_F(CachedPlans, theCompilersErrorReachesTheCaller) {
  compiler->refuse = [](const KernelRequest &request) {
    return request.kernel == "logit_grad"
               ? makeError(CCE_INVALID_ARGUMENT, "transform:3:7: expected ')'")
               : Status();
  };
  open(1, "");
  problem.transform = "cce.transform @mine(";
  EXPECT_EQ(planError(problem), "INVALID_ARGUMENT: kernel 'logit_grad' (cpu, bf16, default): "
                                "transform:3:7: expected ')'");
}

TEST_F(CachedPlans, aCompilerThatGivesTheWrongKernel) {
  compiler->adjust = [](const KernelRequest &, KernelCode &code) { code.manifest.kernel = "x"; };
  open(1, "");
  EXPECT_THAT(planError(problem), HasSubstr("INTERNAL: "));
  compiler->adjust = [](const KernelRequest &, KernelCode &code) {
    code.manifest.arguments.resize(100);
  };
  open(1, "");
  EXPECT_THAT(planError(problem), HasSubstr("has 100 arguments, the limit is 48"));
}

} // namespace
} // namespace cce::rt::test
