//===- TuningTest.cpp - tuning table, search and bench --------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "runtime/support/Files.h"
#include "runtime/tuning/TuneBench.h"
#include "runtime/tuning/Tuner.h"
#include "test/unit/FakeDriver.h"
#include "test/unit/TestContext.h"

#include <fstream>

namespace cce::rt::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

Trial trial(KernelConfig config, std::vector<double> times, std::string failure = "") {
  return {std::move(config), std::move(times), std::move(failure)};
}

TEST(Trial, medianAndMinimum) {
  EXPECT_EQ(trial({}, {3, 1, 2}).median(), 2);
  EXPECT_EQ(trial({}, {4, 1, 2, 3}).median(), 2.5);
  EXPECT_EQ(trial({}, {3, 1, 2}).minimum(), 1);
  EXPECT_EQ(trial({}, {}).median(), 0);
  // A single fast run does not win, and a failed configuration never does.
  const std::vector<Trial> trials = {trial({{"a", 1}}, {5, 5, 1}), trial({{"a", 2}}, {4, 4, 4}),
                                     trial({{"a", 3}}, {}, "too large")};
  EXPECT_EQ(bestTrial(trials)->config.at("a"), 2);
  EXPECT_EQ(bestTrial({trial({}, {}, "no")}), nullptr);
}

class TableTest : public ::testing::Test {
protected:
  TuningTable open() { return TuningTable(file, warnings.sink()); }
  TemporaryFolder folder;
  std::filesystem::path file = folder.path() / "sub" / "tuning.json";
  Warnings warnings;
};

TEST_F(TableTest, everythingIsKept) {
  {
    TuningTable table = open();
    EXPECT_TRUE(table.best("gpu", "problem").configs.empty());
    table.record("gpu", "problem", "lse_forward",
                 {trial({{"stages", 3}}, {2.5, 2.25}), trial({{"stages", 9}}, {}, "no memory")});
    table.record("gpu", "problem", "logit_grad", {trial({{"stages", 4}}, {1})});
    table.record("gpu", "other", "logit_grad", {trial({}, {}, "no")});
  }
  TuningTable table = open();
  const Choices choices = table.best("gpu", "problem");
  EXPECT_EQ(choices.configs.at("lse_forward"), (KernelConfig{{"stages", 3}}));
  EXPECT_EQ(choices.configs.at("logit_grad"), (KernelConfig{{"stages", 4}}));
  EXPECT_TRUE(table.best("gpu", "other").configs.empty());
  EXPECT_TRUE(table.best("another gpu", "problem").configs.empty());
  const std::vector<Trial> trials = table.trials("gpu", "problem", "lse_forward");
  ASSERT_THAT(trials, SizeIs(2));
  EXPECT_THAT(trials[0].milliseconds, ElementsAre(2.5, 2.25));
  EXPECT_EQ(trials[1].failure, "no memory");
  EXPECT_THAT(warnings.list, SizeIs(0));
}

TEST_F(TableTest, twoProcessesKeepEachOthersResults) {
  TuningTable first = open(), second = open();
  first.record("gpu", "a", "lse_forward", {trial({{"stages", 3}}, {1})});
  second.record("gpu", "b", "lse_forward", {trial({{"stages", 4}}, {1})});
  TuningTable table = open();
  EXPECT_EQ(table.best("gpu", "a").configs.size(), 1u);
  EXPECT_EQ(table.best("gpu", "b").configs.size(), 1u);
}

TEST_F(TableTest, damagedFilesAreAWarningAndReplaced) {
  std::filesystem::create_directories(file.parent_path());
  int count = 0;
  for (const char *content :
       {"", "{", "[]", "{\"version\": 99}", "{\"version\": 1, \"devices\": 3}",
        "{\"version\": 1, \"devices\": {\"gpu\": {\"p\": {\"k\": [{\"config\": {\"a\": "
        "\"b\"}}]}}}}",
        "{\"version\": 1, \"devices\": {\"gpu\": {\"p\": {\"k\": [7]}}}}"}) {
    std::ofstream(file) << content;
    TuningTable table = open();
    ASSERT_THAT(warnings.list, SizeIs(++count)) << content;
    EXPECT_THAT(warnings.list.back(), HasSubstr("is not usable, starting afresh"));
    table.record("gpu", "p", "k", {trial({{"a", 1}}, {1})});
    EXPECT_EQ(open().best("gpu", "p").configs.size(), 1u);
    ASSERT_THAT(warnings.list, SizeIs(count)) << content;
  }
}

TEST_F(TableTest, aFileThatCanNotBeWrittenIsAWarning) {
  std::ofstream(folder.path() / "sub") << "a file, no folder";
  TuningTable table = open();
  warnings.list.clear();
  table.record("gpu", "p", "k", {trial({{"a", 1}}, {1})});
  ASSERT_THAT(warnings.list, SizeIs(1));
  EXPECT_THAT(warnings.list[0], HasSubstr("tuning results are not kept on disk"));
  EXPECT_EQ(table.best("gpu", "p").configs.size(), 1u); // but are used
}

TEST_F(TableTest, printingIsStable) {
  open().record("gpu", "p", "k", {trial({{"b", 1}, {"a", 2}}, {1.5})});
  const std::string once = *readFile(file);
  open().record("gpu", "p", "k", {trial({{"a", 2}, {"b", 1}}, {1.5})});
  EXPECT_EQ(*readFile(file), once);
}

/// A search over numbers: kernel "k" takes as long as cost says.
struct Search {
  std::vector<TuneTask> tasks;
  std::map<int64_t, double> cost;
  int stopAfter = 1000;
  std::vector<std::string> progress, recorded;
  std::vector<Trial> last;
  Choices run(Choices start = {}) {
    return searchChoices(
        tasks, std::move(start),
        [&](const std::string &kernel, const Choices &choices) -> Expected<std::vector<double>> {
          const KernelConfig config = choices.configs.at(kernel);
          const int64_t stages = config.count("stages") ? config.at("stages") : 0;
          if (!cost.count(stages))
            return makeError(CCE_INTERNAL, "no ", stages);
          const int64_t splits = config.count("splits") ? config.at("splits") : 1;
          return std::vector<double>{cost[stages] / double(splits)};
        },
        [&](int done, int total, const std::string &what) {
          progress.push_back(std::to_string(done) + "/" + std::to_string(total) + " " + what);
          return done < stopAfter;
        },
        [&](const std::string &kernel, std::vector<Trial> trials) {
          recorded.push_back(kernel);
          last = std::move(trials);
        });
  }
};

TEST(SearchChoices, keepsTheFastest) {
  Search search;
  search.tasks = {{"k", {{}, {{"stages", 3}}, {{"stages", 4}}, {{"stages", 5}}}},
                  {"m", {{}, {{"stages", 4}}}}};
  search.cost = {{0, 5}, {3, 4}, {4, 6}};
  const Choices choices = search.run();
  EXPECT_EQ(choices.configs.at("k"), (KernelConfig{{"stages", 3}}));
  EXPECT_FALSE(choices.configs.count("m")); // the default was better
  EXPECT_THAT(search.progress, ElementsAre("0/6 k default", "1/6 k stages=3", "2/6 k stages=4",
                                           "3/6 k stages=5", "4/6 m default", "5/6 m stages=4"));
  EXPECT_THAT(search.recorded, ElementsAre("k", "m"));
}

TEST(SearchChoices, failuresAreRecordedAndNotFatal) {
  Search search;
  search.tasks = {{"k", {{}, {{"stages", 3}}, {{"stages", 4}}}}};
  search.cost = {{4, 1}};
  EXPECT_EQ(search.run().configs.at("k"), (KernelConfig{{"stages", 4}}));
  ASSERT_THAT(search.last, SizeIs(3));
  EXPECT_EQ(search.last[1].failure, "no 3");
  search.cost.clear(); // nothing works: what was chosen before stays
  Choices start;
  start.configs["k"] = {{"stages", 7}};
  EXPECT_EQ(search.run(start).configs.at("k"), (KernelConfig{{"stages", 7}}));
}

TEST(SearchChoices, refiningKeepsTheRest) {
  Search search;
  search.tasks = {{"k", {{}, {{"stages", 3}}}}, {"k", {{{"splits", 2}}, {{"splits", 4}}}, true}};
  search.cost = {{0, 5}, {3, 4}};
  EXPECT_EQ(search.run().configs.at("k"), (KernelConfig{{"splits", 4}, {"stages", 3}}));
  EXPECT_THAT(search.last, SizeIs(4));
}

TEST(SearchChoices, stoppingKeepsTheBestSoFar) {
  Search search;
  search.tasks = {{"k", {{}, {{"stages", 3}}, {{"stages", 4}}}}, {"m", {{}}}};
  search.cost = {{0, 5}, {3, 4}, {4, 1}};
  search.stopAfter = 2;
  EXPECT_EQ(search.run().configs.at("k"), (KernelConfig{{"stages", 3}}));
  EXPECT_THAT(search.recorded, ElementsAre("k"));
}

TEST(TuneTasks, candidatesFitTheDevice) {
  EXPECT_TRUE(tuneTasks("cpu", 1).empty());
  for (const TuneTask &task : tuneTasks("sm_90a", 2)) {
    EXPECT_FALSE(task.candidates.empty());
    if (!task.refines)
      EXPECT_TRUE(task.candidates[0].empty()) << "the default comes first";
    for (const KernelConfig &config : task.candidates)
      if (config.count("stages"))
        EXPECT_LE(config.at("stages") * (config.at("tile_m") + config.at("tile_n")) * 128, 232448);
  }
}

class TuneBenchTest : public CpuFixture {
protected:
  void SetUp() override {
    CpuFixture::SetUp();
    cce_problem_init(&problem);
    problem.tokens = 9;
    problem.hidden = 6;
    problem.vocab = 20;
    problem.bias_dtype = CCE_BF16;
    problem.reduction = CCE_REDUCTION_NONE;
  }
  cce_problem problem;
};

TEST_F(TuneBenchTest, measuresAndCompares) {
  auto checked = Problem::check(problem);
  ASSERT_TRUE(checked.ok());
  auto bench = TuneBench::create(context->backend, *checked);
  ASSERT_TRUE(bench.ok()) << bench.status().toString();
  for (const char *kernel : {"lse_forward", "grad_classifier"}) {
    auto times = (*bench)->measure(kernel, {});
    ASSERT_TRUE(times.ok()) << times.status().toString();
    EXPECT_THAT(*times, SizeIs(7));
  }
  // A configuration whose kernel computes something else must not win by being fast.
  compiler->adjust = [](const KernelRequest &request, KernelCode &code) {
    if (request.config.count("wrong")) // reads the transposed matrix
      for (ManifestArgument &argument : code.manifest.arguments)
        if (argument.kind == ArgumentKind::Stride && argument.name == "e")
          argument.dimension = 1 - argument.dimension;
  };
  Choices wrong;
  wrong.configs["grad_classifier"] = {{"wrong", 1}};
  auto times = (*bench)->measure("grad_classifier", wrong);
  ASSERT_FALSE(times.ok());
  EXPECT_THAT(times.status().message(), HasSubstr("wrong results: dC differs by"));
}

TEST_F(TuneBenchTest, cpuPlansHaveNothingToTune) {
  auto plan = createPlan(*context, problem);
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(cce_plan_tune(plan->get(), nullptr, nullptr), CCE_OK) << cce_last_error();
}

TEST(TunedPlans, laterPlansFindWhatWasTuned) {
  resetFakeDriver();
  TemporaryFolder folder;
  Warnings warnings;
  auto compiler = std::make_shared<FakeCompilerState>();
  compiler->refuse = [](const KernelRequest &request) {
    // Only one candidate of lse_forward compiles besides the default.
    const KernelConfig wanted = {{"tile_m", 128}, {"tile_n", 192}, {"stages", 5}};
    if (request.kernel != "lse_forward" || request.config.empty() || request.config == wanted)
      return Status();
    return makeError(CCE_UNIMPLEMENTED, "not this one");
  };
  cce_context_desc desc;
  cce_context_desc_init(&desc);
  desc.device = CCE_DEVICE_CUDA;
  const std::string path = folder.path().string();
  desc.cache_dir = path.c_str();
  Environment environment{fakeLibrary(), [&] { return std::make_unique<FakeCompiler>(compiler); },
                          warnings.sink()};
  auto context = createContext(desc, environment);
  ASSERT_TRUE(context.ok());
  cce_problem problem;
  cce_problem_init(&problem);
  problem.tokens = 256;
  problem.hidden = 64;
  problem.vocab = 4096;
  auto plan = createPlan(**context, problem);
  ASSERT_TRUE(plan.ok()) << plan.status().toString();
  int calls = 0;
  const auto progress = [](int done, int total, const char *what, void *user) {
    EXPECT_LT(done, total);
    EXPECT_NE(std::string(what), "");
    ++*static_cast<int *>(user);
    return 0;
  };
  ASSERT_EQ(cce_plan_tune(plan->get(), progress, &calls), CCE_OK) << cce_last_error();
  EXPECT_GT(calls, 10);
  EXPECT_EQ(fakeDriver().allocations, 0);
  auto trials = (*context)->tuning->trials("Fake H100, sm_90a, 132 multiprocessors, driver 13.0",
                                           (*plan)->plan->problemOf().tuningKey(), "lse_forward");
  ASSERT_GT(trials.size(), 5u);
  EXPECT_TRUE(trials[0].failure.empty()) << trials[0].failure;
  EXPECT_THAT(trials[1].failure, HasSubstr("not this one"));
  // All timings are equal here, so the defaults win. Pretend that another one was faster.
  for (Trial &each : trials)
    if (each.failure.empty() && each.config.count("stages"))
      each.milliseconds = {0.5};
  (*context)->tuning->record((*context)->backend->tuningKey(),
                             (*plan)->plan->problemOf().tuningKey(), "lse_forward", trials);
  auto next = createPlan(**context, problem);
  ASSERT_TRUE(next.ok());
  EXPECT_THAT((*next)->plan->describe(), HasSubstr("tuned (stages=5 tile_m=128 tile_n=192)"));
  // A later compiler may not know it any more: the defaults then.
  compiler->versionText = "fake 2";
  compiler->refuse = [](const KernelRequest &request) {
    // A width of tiles alone may be the plan's own choice.
    return request.config.contains("stages") ? makeError(CCE_UNIMPLEMENTED, "no such tile") : Status();
  };
  plan = Status(CCE_UNKNOWN, "closed");
  next = Status(CCE_UNKNOWN, "closed");
  context = createContext(desc, environment);
  next = createPlan(**context, problem);
  ASSERT_TRUE(next.ok()) << next.status().toString();
  EXPECT_THAT((*next)->plan->describe(), testing::Not(HasSubstr("tuned")));
  ASSERT_THAT(warnings.list, SizeIs(1));
  EXPECT_THAT(warnings.list[0], HasSubstr("tuned configuration not used: kernel 'lse_forward'"));
  problem.vocab = 4097; // another problem
  next = createPlan(**context, problem);
  EXPECT_THAT((*next)->plan->describe(), testing::Not(HasSubstr("tuned")));
}

} // namespace
} // namespace cce::rt::test
