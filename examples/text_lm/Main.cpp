//===- Main.cpp - trains a language model with the loss layer of cce -------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "examples/text_lm/Error.h"
#include "examples/text_lm/Export.h"
#include "examples/text_lm/Files.h"
#include "examples/text_lm/Progress.h"
#include "examples/text_lm/Train.h"

#include <CLI/CLI.hpp>
#include <cstdio>

using namespace text_lm;

namespace {

/// Where Debian's package dict-gcide has it.
constexpr const char *defaultText = "/usr/share/dictd/gcide.dict.dz";

struct Options {
  std::string text = defaultText;
  std::string out = "text_lm-out";
  int64_t vocab = 32768;
  std::string device = "auto", dtype = "auto";
  // Chunks that stay in a core's cache: less than the library takes, and faster on a CPU.
  int64_t workspace = 8;
  ModelOptions model;
  TrainOptions train;
};

void addOptions(CLI::App &app, Options &o) {
  using CLI::Range;
  app.add_option("--text", o.text, "text file, plain or gzip (default: Debian's dict-gcide)");
  app.add_option("--out", o.out, "directory for the results, created if need be")
      ->capture_default_str();
  app.add_option("--steps", o.train.steps, "training steps")
      ->check(Range(1, 100000000))
      ->capture_default_str();
  app.add_option("--minutes", o.train.minutes,
                 "train this long instead (or at most, together with --steps); the learning rate "
                 "follows the clock, and two runs are no longer the same")
      ->check(Range(0.0, 1e6));
  app.add_option("--vocab", o.vocab, "words in the vocabulary, <unk> included")
      ->check(Range(2, 10000000))
      ->capture_default_str();
  app.add_option("--hidden", o.model.hidden, "size of the hidden state")
      ->check(Range(2, 65536))
      ->capture_default_str();
  app.add_option("--context", o.model.context, "words that a prediction sees")
      ->check(Range(1, 512))
      ->capture_default_str();
  app.add_option("--width", o.model.width, "size of the layer below the hidden state")
      ->check(Range(1, 1000000))
      ->capture_default_str();
  app.add_option("--batch", o.train.batch, "tokens per step")
      ->check(Range(1, 1000000))
      ->capture_default_str();
  app.add_option("--lr", o.train.learningRate, "peak learning rate")
      ->check(Range(0.0, 10.0))
      ->capture_default_str();
  app.add_option("--seed", o.train.seed, "seed of the initial values and of the sampling")
      ->capture_default_str();
  app.add_option("--device", o.device, "where the loss layer runs")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
      ->capture_default_str();
  app.add_option("--dtype", o.dtype, "of the loss layer; auto: f32 on a CPU, bf16 on a GPU")
      ->check(CLI::IsMember({"auto", "f32", "bf16"}))
      ->capture_default_str();
  app.add_option("--workspace", o.workspace,
                 "most MiB of memory for the loss layer; 0: the library's choice")
      ->check(Range(0, 1 << 20))
      ->capture_default_str();
}

LossLayerOptions lossLayerOptions(const Options &o) {
  LossLayerOptions result{o.train.batch, o.model.hidden, o.model.vocab};
  if (o.device != "auto")
    result.device = o.device == "cpu" ? CCE_DEVICE_CPU : CCE_DEVICE_CUDA;
  if (o.dtype != "auto")
    result.dtype = o.dtype == "f32" ? CCE_F32 : CCE_BF16;
  result.workspaceLimit = o.workspace << 20;
  return result;
}

void printTable(const TrainResult &result, const LossLayer &layer, double loss, int64_t batch) {
  double unigram = std::exp(result.curve.unigramLoss);
  std::printf("\n"
              "validation perplexity   model %.1f   unigram %.1f   ratio %.2f\n"
              "memory of the loss      workspace %s   materialised logits and gradient %s\n"
              "training                %lld steps of %lld tokens in %.0f s, %.0f tokens/s\n",
              std::exp(loss), unigram, std::exp(loss) / unigram,
              formatBytes(layer.memory()).c_str(), formatBytes(layer.materialisedMemory()).c_str(),
              static_cast<long long>(result.steps), static_cast<long long>(batch), result.seconds,
              result.tokensPerSecond);
}

int run(Options &o) {
  if (o.text == defaultText && !std::filesystem::exists(o.text))
    throw Error("the default text '" + o.text +
                "' is not installed; install Debian's dict-gcide or give your own with --text");
  prepareDirectory(o.out);
  Corpus corpus = makeCorpus(tokenise(readText(o.text)), o.vocab);
  std::printf("text: %lld training and %zu validation tokens, %lld words, %.2f%% <unk>\n",
              static_cast<long long>(corpus.trainingSize()), corpus.validation.size(),
              static_cast<long long>(corpus.vocab()),
              100.0 * corpus.counts[unknownWord] / corpus.trainingSize());
  if (corpus.vocab() < o.vocab)
    std::printf("note: the text has only %lld words\n", static_cast<long long>(corpus.vocab()));
  std::fflush(stdout);

  o.model.vocab = corpus.vocab();
  o.model.seed = o.train.seed;
  o.train.out = o.out;
  LossLayer layer(lossLayerOptions(o));
  std::printf("loss layer: %s, %s\n", layer.device().c_str(), layer.dtype().c_str());
  std::fflush(stdout);
  Model model(o.model, corpus.counts);

  catchInterrupts();
  TrainResult result = train(model, layer, corpus, o.train);
  releaseInterrupts();
  if (result.interrupted)
    std::printf("interrupted: going on with what there is (once more to quit at once)\n");

  // Whatever could not be written, the user gets to see what the training came to.
  std::string failure = result.writeError;
  try {
    exportStates(model, corpus, 8192,
                 "validation hidden states and head of text_lm trained on " +
                     std::filesystem::path(o.text).filename().string(),
                 o.out);
  } catch (const Error &error) {
    failure = error.what();
  }
  std::printf("evaluating on %zu validation tokens\n", corpus.validation.size());
  std::fflush(stdout);
  double loss = evaluate(model, layer, corpus.text, corpus.validation, o.train.batch);
  printTable(result, layer, loss, o.train.batch);
  if (!failure.empty())
    throw Error(failure);
  std::printf("files in %s: curve.csv curve.svg E.bin C*.bin Y.bin meta.json\n", o.out.c_str());
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  Options options;
  CLI::App app("Trains a neural language model on English text; the loss is linear "
               "cross-entropy by cce, which never stores the logits.");
  addOptions(app, options);
  CLI11_PARSE(app, argc, argv);
  if (app.count("--minutes") && !app.count("--steps"))
    options.train.steps = INT64_MAX / options.train.batch;
  try {
    return run(options);
  } catch (const std::bad_alloc &) {
    std::fprintf(stderr, "text_lm: error: out of memory; try a smaller --vocab, --hidden, "
                         "--width or --batch\n");
  } catch (const std::exception &error) {
    std::fprintf(stderr, "text_lm: error: %s\n", error.what());
  }
  return 1;
}
