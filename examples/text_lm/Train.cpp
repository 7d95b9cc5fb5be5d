//===- Train.cpp - training and evaluation ---------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "examples/text_lm/Train.h"

#include "examples/text_lm/AdamW.h"
#include "examples/text_lm/Error.h"
#include "examples/text_lm/Files.h"
#include "examples/text_lm/Progress.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <numeric>

namespace text_lm {
namespace {

volatile std::sig_atomic_t interruptFlag = 0;

extern "C" void onInterrupt(int signal) {
  interruptFlag = 1;
  std::signal(signal, SIG_DFL);
}

/// Walks through the training part in strides near the golden section of the text: every
/// batch is spread evenly over all of it, and no token comes twice before all came once.
class Sampler {
public:
  Sampler(const Corpus &corpus, int64_t context, uint64_t seed)
      : corpus(corpus), context(context),
        at(static_cast<int64_t>(seed * 2654435761 % corpus.size())),
        stride(std::max<int64_t>(1, static_cast<int64_t>(corpus.size() * 0.6180339887))) {
    while (std::gcd(stride, corpus.size()) != 1)
      ++stride;
  }

  void next(std::vector<int64_t> &positions) {
    for (int64_t &position : positions) {
      do
        at = (at + stride) % corpus.size();
      while (!isUsable(at));
      position = at;
    }
  }

private:
  /// Words of the validation part must not be seen as context either.
  bool isUsable(int64_t position) const {
    return !corpus.isValidation(position) &&
           !corpus.isValidation(std::max<int64_t>(0, position - context));
  }

  const Corpus &corpus;
  int64_t context, at, stride;
};

class Stopwatch {
public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

private:
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
};

/// Follows a training: the clock, the curve and its files, the progress bar, the end.
class Recorder {
public:
  Recorder(Model &model, LossLayer &layer, const Corpus &corpus, const TrainOptions &options)
      : model(model), layer(layer), corpus(corpus), options(options),
        sample(thinOut(corpus.validation, 8192)), progress(layer.memory()) {
    run.curve.unigramLoss = unigramLoss(corpus);
    run.curve.title = "text_lm: " + std::to_string(corpus.vocab()) + " words, " +
                      std::to_string(options.batch) + " tokens per step";
    CurvePoint first;
    first.validationLoss = validate();
    run.curve.points.push_back(first);
    save();
    pointSeconds = watch.seconds();
  }

  int64_t steps() const { return run.steps; }

  /// How much of the training is behind us, by steps or by the clock, in [0, 1].
  double done() const {
    double fraction = static_cast<double>(run.steps) / static_cast<double>(options.steps);
    if (options.minutes > 0)
      fraction = std::max(fraction, watch.seconds() / (options.minutes * 60));
    return std::min(fraction, 1.0);
  }

  bool isOver() const { return over; }

  void afterStep(float loss, float rate) {
    ++run.steps;
    ++pointSteps;
    lossSum += loss;
    smoothLoss = run.steps == 1 ? loss : 0.95 * smoothLoss + 0.05 * loss;
    double fraction = done(), seconds = watch.seconds();
    run.interrupted = wasInterrupted();
    over = fraction >= 1 || run.interrupted;
    run.tokensPerSecond =
        static_cast<double>(run.steps * options.batch) / (seconds - validationSeconds);
    progress.show({fraction, run.steps, seconds, smoothLoss, run.tokensPerSecond});
    // A point every hundredth of the run, with the validation loss every twentieth.
    if (over || static_cast<int>(fraction * 100 + 1e-9) > hundredths)
      addPoint(fraction, seconds, rate);
  }

  TrainResult result() {
    run.seconds = watch.seconds();
    return run;
  }

private:
  double validate() {
    double start = watch.seconds();
    double loss = evaluate(model, layer, corpus.text, sample, options.batch);
    validationSeconds += watch.seconds() - start;
    return loss;
  }

  void addPoint(double fraction, double seconds, float rate) {
    int now = static_cast<int>(fraction * 100 + 1e-9);
    CurvePoint point;
    point.step = run.steps;
    point.tokens = run.steps * options.batch;
    point.seconds = seconds;
    point.learningRate = rate;
    point.trainLoss = lossSum / static_cast<double>(pointSteps);
    point.tokensPerSecond =
        static_cast<double>(pointSteps * options.batch) / (seconds - pointSeconds);
    if (over || now / 5 > hundredths / 5)
      point.validationLoss = validate();
    run.curve.points.push_back(point);
    save();
    hundredths = now;
    pointSteps = 0;
    lossSum = 0;
    pointSeconds = watch.seconds();
  }

  void save() {
    try {
      writeFile(options.out / "curve.csv", toCsv(run.curve));
      writeFile(options.out / "curve.svg", toSvg(run.curve));
      run.writeError.clear();
    } catch (const Error &error) {
      // The points are still here: better to train on and try again than to lose the run.
      if (run.writeError.empty())
        progress.note(std::string("warning: ") + error.what());
      run.writeError = error.what();
    }
  }

  Model &model;
  LossLayer &layer;
  const Corpus &corpus;
  const TrainOptions &options;
  std::vector<int64_t> sample; ///< of the validation tokens, for the curve
  Progress progress;
  Stopwatch watch;
  TrainResult run;
  bool over = false;
  int hundredths = 0; ///< of the run, at the last point
  int64_t pointSteps = 0;
  double lossSum = 0, smoothLoss = 0, pointSeconds = 0, validationSeconds = 0;
};

} // namespace

void catchInterrupts() {
  interruptFlag = 0;
  std::signal(SIGINT, onInterrupt);
  std::signal(SIGTERM, onInterrupt);
}

void releaseInterrupts() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

bool wasInterrupted() { return interruptFlag != 0; }

std::vector<int32_t> contextsOf(std::span<const int32_t> text, std::span<const int64_t> positions,
                                int64_t context) {
  std::vector<int32_t> words;
  words.reserve(positions.size() * context);
  for (int64_t position : positions)
    for (int64_t i = position - context; i < position; ++i)
      words.push_back(i < 0 ? unknownWord : text[i]);
  return words;
}

std::vector<int32_t> labelsOf(std::span<const int32_t> text, std::span<const int64_t> positions) {
  std::vector<int32_t> labels;
  labels.reserve(positions.size());
  for (int64_t position : positions)
    labels.push_back(text[position]);
  return labels;
}

std::vector<int64_t> thinOut(std::span<const int64_t> positions, int64_t count) {
  auto size = static_cast<int64_t>(positions.size());
  count = std::min(count, size);
  std::vector<int64_t> result(count);
  for (int64_t i = 0; i < count; ++i)
    result[i] = positions[i * size / count];
  return result;
}

double evaluate(Model &model, LossLayer &layer, std::span<const int32_t> text,
                std::span<const int64_t> positions, int64_t batch) {
  Floats e(batch * model.options().hidden);
  layer.setHead(model.head().value);
  double loss = 0;
  for (size_t begin = 0; begin < positions.size(); begin += batch) {
    auto part = positions.subspan(begin, std::min<size_t>(batch, positions.size() - begin));
    model.forward(contextsOf(text, part, model.options().context), e.data());
    std::vector<int32_t> labels = labelsOf(text, part);
    labels.resize(batch, ignoredLabel);
    loss += layer.forward(e, labels);
  }
  return loss / static_cast<double>(positions.size());
}

TrainResult train(Model &model, LossLayer &layer, const Corpus &corpus,
                  const TrainOptions &options) {
  AdamW adam(model.parameters(), {});
  Sampler sampler(corpus, model.options().context, options.seed);
  std::vector<int64_t> positions(options.batch);
  Floats e(options.batch * model.options().hidden), de(e.size());
  Recorder recorder(model, layer, corpus, options);

  while (!recorder.isOver()) {
    float rate = learningRateAt(recorder.done(), options.learningRate);
    sampler.next(positions);
    model.forward(contextsOf(corpus.text, positions, model.options().context), e.data());
    std::vector<int32_t> labels = labelsOf(corpus.text, positions);
    layer.setHead(model.head().value);
    float loss = layer.forward(e, labels) / static_cast<float>(options.batch);
    if (!std::isfinite(loss))
      throw Error("the loss is no longer finite at step " + std::to_string(recorder.steps() + 1) +
                  "; try a smaller --lr");
    layer.backward(1.0f / static_cast<float>(options.batch), de, model.head().grad);
    model.backward(de.data());
    adam.step(rate);
    recorder.afterStep(loss, rate);
  }
  return recorder.result();
}

} // namespace text_lm
