-- Numbers figures and tables and resolves @fig- and @tbl- as Quarto does, for the pandoc renderer: in HTML itself, in the PDF by Typst, for
-- which a float is written as Quarto writes it. A reference to something that does not exist ends the run.

local typst = FORMAT:match("typst") ~= nil
local labels = {} -- identifier -> text of a reference to it
local counts = { fig = 0, tbl = 0 }
local names = { fig = "Figure", tbl = "Table" }

local function number(identifier)
  local prefix = identifier:sub(1, 3)
  counts[prefix] = counts[prefix] + 1
  labels[identifier] = names[prefix] .. "\u{a0}" .. counts[prefix]
  return labels[identifier] .. ": "
end

local function prepend(blocks, text)
  if #blocks == 0 then
    return { pandoc.Plain({ pandoc.Str(text) }) }
  end
  table.insert(blocks[1].content, 1, pandoc.Str(text))
  return blocks
end

local function float(content, caption, identifier)
  local prefix = identifier:sub(1, 3)
  local kind = (']), kind: "quarto-float-%s", supplement: "%s", numbering: "1") <%s>'):format(prefix, names[prefix], identifier)
  local position = prefix == "tbl" and "top" or "bottom"
  local blocks = pandoc.Blocks({ pandoc.RawBlock("typst", "#figure([") }) .. content
  blocks:insert(pandoc.RawBlock("typst", "], caption: figure.caption(position: " .. position .. ", ["))
  blocks:extend(caption)
  blocks:insert(pandoc.RawBlock("typst", kind))
  return blocks
end

-- Pandoc reads "{#tbl-x}" at the end of a caption as text; take it off and make it the table's identifier.
local function take_identifier(blocks)
  local last = blocks[#blocks]
  if not last or not last.content then return nil end
  for i = #last.content, 1, -1 do
    local inline = last.content[i]
    if inline.t == "Str" then
      local identifier = inline.text:match("^{#(tbl%-[%w%-]+)}$")
      if identifier then
        while #last.content >= i do last.content:remove() end
        while #last.content > 0 and last.content[#last.content].t == "Space" do last.content:remove() end
        return identifier
      end
    end
  end
  return nil
end

local collect = {
  traverse = "topdown",
  Figure = function(figure)
    local image
    figure:walk({ Image = function(found) image = found end })
    local identifier = figure.identifier ~= "" and figure.identifier or (image and image.identifier) or ""
    if not identifier:match("^fig%-") then return figure, false end
    local caption, numbered = figure.caption.long, number(identifier)
    image.identifier, image.attributes.alt = "", image.attributes["fig-alt"] or figure.attributes["fig-alt"]
    image.attributes["fig-alt"], figure.attributes["fig-alt"] = nil, nil
    if typst then return float(pandoc.Blocks({ pandoc.Plain({ image }) }), caption, identifier), false end
    figure.identifier = identifier
    figure.caption.long = prepend(caption, numbered)
    return figure:walk({ Image = function() return image end }), false
  end,
  Table = function(tbl)
    local identifier = tbl.identifier:match("^tbl%-") and tbl.identifier or take_identifier(tbl.caption.long)
    if not identifier then return tbl, false end
    local caption, numbered = tbl.caption.long, number(identifier)
    tbl.identifier = typst and "" or identifier
    tbl.caption = { long = typst and {} or prepend(caption, numbered) }
    return typst and float(pandoc.Blocks({ tbl }), caption, identifier) or tbl, false
  end,
}

local resolve = {
  Cite = function(cite)
    local out = pandoc.List({})
    for i, citation in ipairs(cite.citations) do
      local prefix = citation.id:match("^(%a+)%-")
      if not names[prefix] then return nil end
      local text = labels[citation.id]
      if not text then error("cross-reference to something that does not exist: @" .. citation.id) end
      if i > 1 then out:insert(pandoc.Str(", ")) end
      out:insert(
        typst and pandoc.RawInline("typst", "#ref(<" .. citation.id .. ">)") or pandoc.Link({ pandoc.Str(text) }, "#" .. citation.id)
      )
    end
    return out
  end,
}

return { collect, resolve }
