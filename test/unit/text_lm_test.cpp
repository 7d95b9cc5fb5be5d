//===- text_lm_test.cpp - the parts of examples/text_lm ---------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "examples/text_lm/AdamW.h"
#include "examples/text_lm/Error.h"
#include "examples/text_lm/Export.h"
#include "examples/text_lm/Files.h"
#include "examples/text_lm/Train.h"

#include <csignal>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>
#include <sys/resource.h>
#include <unistd.h>
#include <zlib.h>

using namespace text_lm;
namespace fs = std::filesystem;

namespace {

/// An empty directory that goes away with the test.
struct TemporaryDirectory {
  fs::path path;
  TemporaryDirectory() {
    std::string pattern = (fs::temp_directory_path() / "text_lm_test.XXXXXX").string();
    path = mkdtemp(pattern.data());
  }
  ~TemporaryDirectory() {
    std::error_code status;
    fs::remove_all(path, status);
  }
};

std::string contentOf(const fs::path &file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream content;
  content << in.rdbuf();
  return content.str();
}

std::vector<std::string> tokensOf(std::string_view text) {
  TokenStream stream = tokenise(text);
  std::vector<std::string> tokens;
  for (int32_t id : stream.ids)
    tokens.push_back(stream.words[id]);
  return tokens;
}

template <typename F> std::string errorOf(F &&body) {
  try {
    body();
  } catch (const Error &error) {
    return error.what();
  }
  return "";
}

/// Sentences with a pattern that a model of two words of context can learn.
std::string patternText(int sentences) {
  std::string text;
  for (int i = 0; i < sentences; ++i) {
    const char *subjects[] = {"the cat", "a dog", "one bird"};
    const char *verbs[] = {"sleeps", "barks", "sings"};
    text += std::string(subjects[i * i % 3]) + " " + verbs[i * i % 3] + " word" +
            std::string(1 + i % 7, 'x') + ".\n";
  }
  return text;
}

/// Tags in the right order, quoted attributes, no stray '<' or '&'.
::testing::AssertionResult isWellFormed(const std::string &xml) {
  std::vector<std::string> open;
  for (size_t at = 0; at < xml.size(); ++at) {
    if (xml[at] == '&' && xml.compare(at, 4, "&lt;") && xml.compare(at, 4, "&gt;") &&
        xml.compare(at, 5, "&amp;"))
      return ::testing::AssertionFailure() << "stray & at " << at;
    if (xml[at] != '<')
      continue;
    size_t end = xml.find('>', at);
    if (end == std::string::npos)
      return ::testing::AssertionFailure() << "tag without end at " << at;
    std::string tag = xml.substr(at + 1, end - at - 1);
    if (tag.find('<') != std::string::npos || std::count(tag.begin(), tag.end(), '"') % 2)
      return ::testing::AssertionFailure() << "broken tag " << tag;
    std::string name = tag.substr(tag[0] == '/', tag.find_first_of(" /", 1) - (tag[0] == '/'));
    if (tag[0] == '/') {
      if (open.empty() || open.back() != tag.substr(1))
        return ::testing::AssertionFailure() << "unexpected <" << tag << ">";
      open.pop_back();
    } else if (tag.back() != '/') {
      open.push_back(name);
    }
    at = end;
  }
  if (!open.empty())
    return ::testing::AssertionFailure() << "<" << open.back() << "> is not closed";
  return ::testing::AssertionSuccess();
}

/// Every line of the CSV has as many fields as its first; returns the number of lines.
int linesOf(const std::string &csv) {
  std::istringstream in(csv);
  std::string line;
  std::ptrdiff_t commas = -1;
  int lines = 0;
  for (; std::getline(in, line); ++lines) {
    if (commas < 0)
      commas = std::count(line.begin(), line.end(), ',');
    EXPECT_EQ(std::count(line.begin(), line.end(), ','), commas) << line;
  }
  EXPECT_TRUE(csv.empty() || csv.back() == '\n');
  return lines;
}

TEST(TextLmText, TokenisesWordsNumbersAndPunctuation) {
  EXPECT_EQ(tokensOf("The cat's [1913 Webster]  don't--'quoted'."),
            (std::vector<std::string>{"the", "cat's", "[", "1913", "webster", "]", "don't", "-",
                                      "-", "'", "quoted", "'", "."}));
  EXPECT_EQ(tokensOf("caf\xc3\xa9\tA1b\n\x01"),
            (std::vector<std::string>{"caf\xc3\xa9", "a", "1", "b"}));
  EXPECT_TRUE(tokensOf(" \n\t").empty());
  EXPECT_TRUE(tokensOf("").empty());
}

TEST(TextLmText, ReadsPlainAndGzip) {
  TemporaryDirectory directory;
  std::string text = patternText(1000);
  fs::path plain = directory.path / "a.txt", packed = directory.path / "a.gz";
  writeFile(plain, text);
  gzFile out = gzopen(packed.c_str(), "wb");
  gzwrite(out, text.data(), static_cast<unsigned>(text.size()));
  gzclose(out);
  EXPECT_EQ(readText(plain), text);
  EXPECT_EQ(readText(packed), text);

  std::string cut = contentOf(packed);
  writeFile(packed, cut.substr(0, cut.size() / 2));
  EXPECT_NE(errorOf([&] { readText(packed); }), "");
}

TEST(TextLmText, SaysWhatIsWrongWithTheFile) {
  TemporaryDirectory directory;
  fs::path file = directory.path / "none.txt";
  EXPECT_EQ(errorOf([&] { readText(file); }), "text file '" + file.string() + "' does not exist");
  EXPECT_EQ(errorOf([&] { readText(directory.path); }),
            "text file '" + directory.path.string() + "' is a directory");
  EXPECT_EQ(errorOf([&] { makeCorpus(tokenise("too short"), 100); }),
            "the text is too small: it has 2 tokens, at least 10240 are needed");
}

TEST(TextLmText, VocabularyIsByFrequencyOfTheTrainingPart) {
  std::string text;
  for (int i = 0; i < 6000; ++i)
    text += i % 3 ? "common rare " : "common common ";
  Corpus corpus = makeCorpus(tokenise(text), 2);
  EXPECT_EQ(corpus.words, (std::vector<std::string>{"<unk>", "common"}));
  EXPECT_EQ(corpus.counts[0] + corpus.counts[1], corpus.trainingSize());
  EXPECT_GT(corpus.counts[0], 0);

  corpus = makeCorpus(tokenise(text), 100);
  EXPECT_EQ(corpus.words, (std::vector<std::string>{"<unk>", "common", "rare"}));
  EXPECT_EQ(corpus.counts[0], 0);
}

TEST(TextLmText, SplitsByPosition) {
  Corpus corpus = makeCorpus(tokenise(patternText(20000)), 1000);
  auto share = static_cast<double>(corpus.validation.size()) / corpus.size();
  EXPECT_NEAR(share, 0.05, 0.01);
  for (int64_t position : corpus.validation)
    EXPECT_TRUE(corpus.isValidation(position));
  EXPECT_TRUE(std::is_sorted(corpus.validation.begin(), corpus.validation.end()));
  EXPECT_EQ(corpus.trainingSize(), corpus.size() - static_cast<int64_t>(corpus.validation.size()));
}

TEST(TextLmText, UnigramLossIsTheEntropyOfTheFrequencies) {
  std::string text;
  for (int i = 0; i < 16384; ++i)
    text += i % 4 ? "x " : "y ";
  // Blocks are whole periods of the pattern: both parts have the same frequencies.
  Corpus corpus = makeCorpus(tokenise(text), 10);
  EXPECT_NEAR(unigramLoss(corpus), -0.75 * std::log(0.75) - 0.25 * std::log(0.25), 1e-3);
}

TEST(TextLmFiles, AreWholeOrNotThere) {
  TemporaryDirectory directory;
  fs::path file = directory.path / "result";
  writeFile(file, "old");
  // A limit on file sizes fails in the middle of writing, as a full disk does.
  rlimit before{}, small{1 << 16, 0};
  getrlimit(RLIMIT_FSIZE, &before);
  small.rlim_max = before.rlim_max;
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  std::string error = errorOf([&] { writeFile(file, std::string(1 << 20, 'x')); });
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_NE(error.find("can not write '" + file.string() + "'"), std::string::npos) << error;
  EXPECT_EQ(contentOf(file), "old");
  EXPECT_EQ(std::distance(fs::directory_iterator(directory.path), {}), 1);

  EXPECT_NE(errorOf([&] { writeFile(file / "below-a-file", ""); }), "");
  EXPECT_NE(errorOf([&] { prepareDirectory(file); }), "");
  prepareDirectory(directory.path / "new" / "nested");
  EXPECT_TRUE(fs::is_empty(directory.path / "new" / "nested"));
}

TEST(TextLmCurve, WritesCsvAndSvg) {
  Curve curve;
  curve.title = "a <b> & c";
  EXPECT_TRUE(isWellFormed(toSvg(curve)));
  EXPECT_EQ(linesOf(toCsv(curve)), 1);

  curve.unigramLoss = 5.5;
  for (int i = 0; i < 50; ++i)
    curve.points.push_back({i, i * 64, i * 0.5, 1e-3, i ? 5.5 - i * 0.05 : NAN,
                            i % 10 ? NAN : 5.6 - i * 0.05, i ? 1234.5 : INFINITY});
  std::string svg = toSvg(curve), csv = toCsv(curve);
  EXPECT_TRUE(isWellFormed(svg));
  EXPECT_NE(svg.find("a &lt;b&gt; &amp; c"), std::string::npos);
  EXPECT_NE(svg.find("<polyline"), std::string::npos);
  EXPECT_NE(svg.find("unigram model"), std::string::npos);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(linesOf(csv), 51);
  EXPECT_EQ(csv.find("nan"), std::string::npos);
  EXPECT_EQ(csv.find("inf"), std::string::npos);
}

TEST(TextLmExport, QuotesJson) { EXPECT_EQ(jsonString("a\"b\\c\n"), "\"a\\\"b\\\\c\\u000a\""); }

TEST(TextLmExport, RoundsToBFloat16) {
  EXPECT_EQ(toBFloat16(1.0f), 0x3f80);
  EXPECT_EQ(toBFloat16(1.00390625f), 0x3f80); // half-way, to even
  EXPECT_EQ(toBFloat16(1.01171875f), 0x3f82);
  EXPECT_EQ(fromBFloat16(toBFloat16(-2.5f)), -2.5f);
  EXPECT_EQ(toBFloat16(INFINITY), 0x7f80);
  EXPECT_TRUE(std::isnan(fromBFloat16(toBFloat16(NAN))));
}

TEST(TextLmModel, GradientsMatchDifferences) {
  ModelOptions options;
  options.vocab = 11;
  options.hidden = 6;
  options.context = 3;
  options.width = 10;
  std::vector<int64_t> counts(options.vocab, 5);
  Model model(options, counts);
  std::vector<int32_t> contexts = {1, 2, 3, 3, 3, 4, 0, 10, 1, 7, 8, 7};
  Floats e(4 * options.hidden), weights(e.size());
  for (size_t i = 0; i < weights.size(); ++i)
    weights[i] = std::sin(static_cast<float>(i));
  auto objective = [&] {
    model.forward(contexts, e.data());
    double sum = 0;
    for (size_t i = 0; i < e.size(); ++i)
      sum += static_cast<double>(e[i]) * weights[i];
    return sum;
  };
  objective();
  model.backward(weights.data());
  for (Parameter *p : model.parameters()) {
    if (p == &model.head())
      continue;
    for (size_t i = 0; i < p->value.size(); ++i) {
      float old = p->value[i];
      p->value[i] = old + 0.01f;
      double above = objective();
      p->value[i] = old - 0.01f;
      double below = objective();
      p->value[i] = old;
      EXPECT_NEAR((above - below) / 0.02, p->grad[i], 5e-3) << p->name << " " << i;
    }
  }
}

TEST(TextLmAdamW, FindsTheMinimumAndSkipsWhatIsNotFinite) {
  Parameter p{"p", {3, -2}, {0, 0}, false};
  AdamW adam({&p}, {});
  for (int i = 0; i < 400; ++i) {
    p.grad = {2 * (p.value[0] - 1), 2 * (p.value[1] + 1)};
    adam.step(0.05f);
  }
  EXPECT_NEAR(p.value[0], 1, 0.05);
  EXPECT_NEAR(p.value[1], -1, 0.05);
  Floats before = p.value;
  p.grad = {NAN, 1};
  adam.step(0.05f);
  EXPECT_EQ(p.value, before);
}

/// The path of a GPU, where the layer converts and copies, must give what direct use gives.
TEST(TextLmLossLayer, ConvertsAndCopies) {
  constexpr int64_t tokens = 20, hidden = 16, vocab = 50;
  Floats e(tokens * hidden), c(vocab * hidden);
  std::vector<int32_t> labels(tokens);
  for (size_t i = 0; i < e.size(); ++i)
    e[i] = fromBFloat16(toBFloat16(std::sin(static_cast<float>(i))));
  for (size_t i = 0; i < c.size(); ++i)
    c[i] = fromBFloat16(toBFloat16(std::cos(static_cast<float>(i * i % 97))));
  for (int64_t i = 0; i < tokens; ++i)
    labels[i] = i == 3 ? ignoredLabel : static_cast<int32_t>(i * 7 % vocab);

  Floats de[2], dc[2];
  float loss[2];
  for (int bf16 : {0, 1}) {
    LossLayer layer({tokens, hidden, vocab, CCE_DEVICE_CPU, bf16 ? CCE_BF16 : CCE_F32});
    EXPECT_EQ(layer.dtype(), bf16 ? "bf16" : "f32");
    EXPECT_EQ(layer.materialisedMemory(), tokens * vocab * 8);
    de[bf16].resize(e.size());
    dc[bf16].resize(c.size());
    layer.setHead(c);
    loss[bf16] = layer.forward(e, labels);
    layer.backward(0.5f, de[bf16], dc[bf16]);
  }
  EXPECT_NEAR(loss[0], loss[1], 1e-3f * loss[0]);
  for (size_t i = 0; i < e.size(); ++i)
    EXPECT_NEAR(de[0][i], de[1][i], 0.02f) << i;
  for (size_t i = 0; i < c.size(); ++i)
    EXPECT_NEAR(dc[0][i], dc[1][i], 0.02f) << i;
  for (int64_t i = 0; i < hidden; ++i)
    EXPECT_EQ(de[0][3 * hidden + i], 0);
}

/// A training of a few seconds on the CPU.
struct SmallRun {
  TemporaryDirectory directory;
  Corpus corpus = makeCorpus(tokenise(patternText(4000)), 100);
  LossLayer layer;
  Model model;
  TrainOptions options;

  SmallRun()
      : layer({128, 16, corpus.vocab(), CCE_DEVICE_CPU, CCE_F32}),
        model({corpus.vocab(), 16, 4, 32, 1}, corpus.counts) {
    options.steps = 60;
    options.batch = 128;
    options.learningRate = 1e-2f;
    options.out = directory.path;
  }
};

TEST(TextLmTrain, LearnsAndRepeats) {
  SmallRun run, again;
  catchInterrupts();
  TrainResult result = train(run.model, run.layer, run.corpus, run.options);
  EXPECT_FALSE(result.interrupted);
  EXPECT_EQ(result.steps, 60);
  double loss = evaluate(run.model, run.layer, run.corpus.text, run.corpus.validation, 128);
  EXPECT_LT(loss, 0.7 * result.curve.unigramLoss);
  // Untrained, it is the unigram model.
  EXPECT_NEAR(result.curve.points.front().validationLoss, result.curve.unigramLoss, 0.1);

  train(again.model, again.layer, again.corpus, again.options);
  EXPECT_EQ(run.model.head().value, again.model.head().value);
}

TEST(TextLmTrain, InterruptedRunLeavesReadableFiles) {
  SmallRun run;
  run.options.steps = 1000000;
  catchInterrupts();
  std::raise(SIGINT);
  TrainResult result = train(run.model, run.layer, run.corpus, run.options);
  EXPECT_TRUE(result.interrupted);
  EXPECT_EQ(result.steps, 1);
  EXPECT_EQ(linesOf(contentOf(run.options.out / "curve.csv")), 3);
  EXPECT_TRUE(isWellFormed(contentOf(run.options.out / "curve.svg")));
  catchInterrupts();
  EXPECT_FALSE(wasInterrupted());
}

TEST(TextLmTrain, GoesOnWhenTheCurveCanNotBeWritten) {
  SmallRun run;
  run.options.steps = 3;
  run.options.out = run.directory.path / "gone";
  catchInterrupts();
  TrainResult result = train(run.model, run.layer, run.corpus, run.options);
  EXPECT_EQ(result.steps, 3);
  EXPECT_NE(result.writeError, "");
}

TEST(TextLmExport, WritesTheFormatOfTheTools) {
  SmallRun run;
  fs::path out = run.directory.path;
  writeFile(out / "C1.bin", "left over");
  exportStates(run.model, run.corpus, 100, "a \"test\"", out);
  EXPECT_EQ(fs::file_size(out / "E.bin"), 100u * 16 * 2);
  EXPECT_EQ(fs::file_size(out / "C0.bin"), static_cast<size_t>(run.corpus.vocab()) * 16 * 2);
  EXPECT_EQ(fs::file_size(out / "Y.bin"), 100u * 4);
  EXPECT_FALSE(fs::exists(out / "C1.bin"));
  EXPECT_EQ(contentOf(out / "meta.json"),
            "{\"tokens\": 100, \"hidden\": 16, \"vocab\": " + std::to_string(run.corpus.vocab()) +
                ", \"source\": \"a \\\"test\\\"\"}\n");
}

} // namespace
