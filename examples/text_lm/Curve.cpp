//===- Curve.cpp - the training curve as CSV and SVG -----------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "examples/text_lm/Curve.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>

namespace text_lm {
namespace {

constexpr double width = 860, height = 500;
constexpr double left = 70, right = width - 80, top = 50, bottom = height - 60;

__attribute__((format(printf, 1, 2))) std::string format(const char *pattern, ...) {
  char text[512];
  va_list values;
  va_start(values, pattern);
  std::vsnprintf(text, sizeof(text), pattern, values);
  va_end(values);
  return text;
}

std::string escape(const std::string &text) {
  std::string result;
  for (char c : text) {
    if (c == '<')
      result += "&lt;";
    else if (c == '>')
      result += "&gt;";
    else if (c == '&')
      result += "&amp;";
    else if (static_cast<unsigned char>(c) >= ' ')
      result += c;
  }
  return result;
}

/// A step of 1, 2 or 5 times a power of ten that cuts `range` into at most `most` parts.
double niceStep(double range, int most) {
  double power = std::pow(10, std::floor(std::log10(range / most)));
  for (double factor : {1.0, 2.0, 5.0})
    if (range / (power * factor) <= most)
      return power * factor;
  return power * 10;
}

/// Maps steps and losses to the picture.
struct Axes {
  double lastStep = 1, low = 0, high = 1;

  explicit Axes(const Curve &curve) {
    double smallest = INFINITY, largest = -INFINITY;
    auto include = [&](double loss) {
      if (!std::isfinite(loss))
        return;
      smallest = std::min(smallest, loss);
      largest = std::max(largest, loss);
    };
    include(curve.unigramLoss);
    for (const CurvePoint &p : curve.points) {
      include(p.trainLoss);
      include(p.validationLoss);
      lastStep = std::max(lastStep, static_cast<double>(p.step));
    }
    if (smallest > largest)
      return;
    low = std::floor(smallest * 2 - 0.2) / 2;
    high = std::ceil(largest * 2 + 0.2) / 2;
  }

  double x(double step) const { return left + (right - left) * step / lastStep; }
  double y(double loss) const { return bottom - (bottom - top) * (loss - low) / (high - low); }
};

std::string text(double x, double y, const char *anchor, const std::string &content,
                 const char *more = "") {
  return format("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" %s>", x, y, anchor, more) +
         content + "</text>\n";
}

std::string line(double x1, double y1, double x2, double y2, const char *style) {
  return format("<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" %s/>\n", x1, y1, x2, y2,
                style);
}

std::string grid(const Axes &axes) {
  std::string svg;
  double step = niceStep(axes.high - axes.low, 8);
  for (double loss = std::ceil(axes.low / step) * step; loss <= axes.high + 1e-9; loss += step) {
    svg += line(left, axes.y(loss), right, axes.y(loss), "stroke=\"#e4e4e4\"");
    svg += text(left - 8, axes.y(loss) + 4, "end", format("%.3g", loss));
    svg += text(right + 8, axes.y(loss) + 4, "start", format("%.0f", std::exp(loss)));
  }
  step = std::max(1.0, niceStep(axes.lastStep, 8));
  for (double at = 0; at <= axes.lastStep + 1e-9; at += step) {
    svg += line(axes.x(at), bottom, axes.x(at), bottom + 5, "stroke=\"#333\"");
    svg += text(axes.x(at), bottom + 20, "middle", format("%.0f", at));
  }
  svg += line(left, top, left, bottom, "stroke=\"#333\"");
  svg += line(left, bottom, right, bottom, "stroke=\"#333\"");
  svg += text((left + right) / 2, height - 16, "middle", "step");
  svg += text(0, 0, "middle", "loss (nats per token)",
              format("transform=\"translate(20 %.1f) rotate(-90)\"", (top + bottom) / 2).c_str());
  svg +=
      text(0, 0, "middle", "perplexity",
           format("transform=\"translate(%.1f %.1f) rotate(90)\"", width - 16, (top + bottom) / 2)
               .c_str());
  return svg;
}

std::string graph(const Curve &curve, const Axes &axes, double CurvePoint::*value,
                  const char *color, bool dots) {
  std::string points, circles;
  for (const CurvePoint &p : curve.points) {
    if (!std::isfinite(p.*value))
      continue;
    double x = axes.x(static_cast<double>(p.step)), y = axes.y(p.*value);
    points += format("%.1f,%.1f ", x, y);
    if (dots)
      circles += format("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n", x, y, color);
  }
  if (points.empty())
    return "";
  return format("<polyline fill=\"none\" stroke-width=\"%s\" stroke=\"%s\" points=\"",
                dots ? "2" : "1.2", color) +
         points + "\"/>\n" + circles;
}

std::string number(double value, const char *pattern) {
  char text[64];
  std::snprintf(text, sizeof(text), pattern, value);
  return std::isfinite(value) ? text : "";
}

} // namespace

std::string toCsv(const Curve &curve) {
  std::string csv = "step,tokens,seconds,learning_rate,train_loss,validation_loss,"
                    "unigram_loss,tokens_per_second\n";
  for (const CurvePoint &p : curve.points)
    csv += std::to_string(p.step) + "," + std::to_string(p.tokens) + "," +
           number(p.seconds, "%.2f") + "," + number(p.learningRate, "%.6g") + "," +
           number(p.trainLoss, "%.5f") + "," + number(p.validationLoss, "%.5f") + "," +
           number(curve.unigramLoss, "%.5f") + "," + number(p.tokensPerSecond, "%.1f") + "\n";
  return csv;
}

std::string toSvg(const Curve &curve) {
  constexpr const char *trainColor = "#8fb4d9", *validColor = "#c2410c", *unigramColor = "#555";
  Axes axes(curve);
  std::string svg = format("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" "
                           "font-family=\"sans-serif\" font-size=\"12\">\n",
                           width, height);
  svg += "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n";
  svg += text(left, 28, "start", escape(curve.title), "font-size=\"15\"");
  svg += grid(axes);
  svg += graph(curve, axes, &CurvePoint::trainLoss, trainColor, false);
  svg += graph(curve, axes, &CurvePoint::validationLoss, validColor, true);
  double legend = top + 14;
  auto entry = [&](const char *name, const char *color, const char *dashes) {
    svg += line(right - 150, legend - 4, right - 120, legend - 4,
                format("stroke=\"%s\" stroke-width=\"2\" %s", color, dashes).c_str());
    svg += text(right - 112, legend, "start", name);
    legend += 18;
  };
  entry("training", trainColor, "");
  entry("validation", validColor, "");
  if (std::isfinite(curve.unigramLoss)) {
    const char *dashes = "stroke-dasharray=\"6 4\"";
    double y = axes.y(curve.unigramLoss);
    svg += line(left, y, right, y, format("stroke=\"%s\" %s", unigramColor, dashes).c_str());
    entry("unigram model", unigramColor, dashes);
  }
  return svg + "</svg>\n";
}

} // namespace text_lm
