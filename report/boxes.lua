-- Boxes and fold-outs, alike in HTML and PDF, for Quarto and for the pandoc renderer. Quarto's own callouts are not used: they make Typst fetch
-- a package of icons from the network, and raw HTML would be missing from the PDF.
-- ::: {.takeaway} ::: {.notice} ::: {.beside} holding ::: {.study} and ::: {.here} ::: {.fold summary="words"}

local blue, orange, grey = 'rgb("#0063a0")', 'rgb("#a34500")', 'rgb("#c9d0d9")'
local stroke = {
  takeaway = "(left: 2.5pt + " .. blue .. ")",
  notice = "(left: 2.5pt + " .. orange .. ")",
  study = "(top: 2pt + " .. orange .. ", rest: 0.5pt + " .. grey .. ")",
  here = "(top: 2pt + " .. blue .. ", rest: 0.5pt + " .. grey .. ")",
  fold = "(left: 1pt + " .. grey .. ")",
}

local function between(open, blocks, close, format)
  local out = pandoc.List({ pandoc.RawBlock(format, open) })
  out:extend(blocks)
  out:insert(pandoc.RawBlock(format, close))
  return out
end

local function in_typst(div)
  if div.classes:includes("beside") then
    return between("#grid(columns: (1fr, 1fr), column-gutter: 9pt,", div.content, ")", "typst")
  end
  for class, line in pairs(stroke) do
    if div.classes:includes(class) then
      local side = class == "study" or class == "here"
      local blocks = pandoc.List(div.content)
      if class == "fold" then
        blocks:insert(1, pandoc.Para({ pandoc.Strong({ pandoc.Str(div.attributes.summary) }) }))
      end
      local open = "block(width: 100%, inset: 7pt, above: 1em, below: 1em, breakable: " .. tostring(not side)
        .. ", stroke: " .. line .. ")["
      return between((side and "" or "#") .. open, blocks, side and "]," or "]", "typst")
    end
  end
end

local function in_html(div)
  if div.classes:includes("fold") then
    local summary = pandoc.write(pandoc.Pandoc({ pandoc.Plain({ pandoc.Str(div.attributes.summary) }) }), "html")
    return between("<details>\n<summary>" .. summary .. "</summary>", div.content, "</details>", "html")
  end
end

return {
  {
    Div = function(div)
      if FORMAT:match("typst") then return in_typst(div) end
      if FORMAT:match("html") then return in_html(div) end
    end,
  },
}
